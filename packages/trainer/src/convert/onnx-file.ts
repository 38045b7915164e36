/**
 * ONNX files, as far as weights are read from them (https://onnx.ai, onnx.proto3): a protobuf of one graph whose
 * initializers are float32 tensors stored in the file. Nothing in it is trusted: every length must lie inside the field
 * around it, and every tensor must have the size that its shape says.
 */
import { type HostTensor, sizeOf, WeightsInvalidError } from '@swinface/core';

/** An operation of the graph, in the order of execution. */
export interface OnnxFileNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What is read of a file. */
export interface OnnxFile {
  readonly nodes: readonly OnnxFileNode[];
  /** float32 initializers by name; others are left out. */
  readonly initializers: ReadonlyMap<string, HostTensor>;
}

/** Numbers of the fields that are read. */
const MODEL_GRAPH = 7;
const GRAPH_NODE = 1;
const GRAPH_INITIALIZER = 5;
const NODE_INPUT = 1;
const NODE_OUTPUT = 2;
const NODE_OP = 4;
const TENSOR_DIMS = 1;
const TENSOR_TYPE = 2;
const TENSOR_FLOATS = 4;
const TENSOR_NAME = 8;
const TENSOR_RAW = 9;
const FLOAT = 1;

/** Wire types of protobuf. */
const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;
const MAX_VARINT_BYTES = 10;

const damaged = (what: string) => new WeightsInvalidError(`The ONNX file is damaged: ${what}.`);

/** A field of a protobuf message: a number, or bytes. */
interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array();

/** The fields of a message, one after another. */
function* fieldsOf(message: Uint8Array): Generator<Field> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      if (at >= message.length) throw damaged('a number ends beyond its message');
      const byte = view.getUint8(at++);
      value += (byte & 127) * 128 ** i;
      if (byte < 128) return value;
    }
    throw damaged('a number has more than ten bytes');
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) throw damaged(`a field of ${length} bytes ends beyond its message`);
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    switch (key % 8) {
      case VARINT:
        yield { number, value: varint(), bytes: NOTHING };
        break;
      case FIXED_64:
        yield { number, value: 0, bytes: take(8) };
        break;
      case BYTES:
        yield { number, value: 0, bytes: take(varint()) };
        break;
      case FIXED_32:
        yield { number, value: 0, bytes: take(4) };
        break;
      default:
        throw damaged(`a field has the wire type ${key % 8}`);
    }
  }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/**
 * Reads a file.
 *
 * @throws {WeightsInvalidError} if it is no ONNX file, or is damaged
 */
export function readOnnxFile(file: Uint8Array): OnnxFile {
  const graphs = [...fieldsOf(file)].filter(({ number }) => number === MODEL_GRAPH);
  const [graph] = graphs;
  if (!graph || graphs.length > 1) {
    throw new WeightsInvalidError('This is no ONNX file.', {
      expected: 'a protobuf with one graph',
      actual: `${file.length} bytes with ${graphs.length} graphs`,
    });
  }
  const nodes: OnnxFileNode[] = [];
  const initializers = new Map<string, HostTensor>();
  for (const { number, bytes } of fieldsOf(graph.bytes)) {
    if (number === GRAPH_NODE) nodes.push(readNode(bytes));
    if (number !== GRAPH_INITIALIZER) continue;
    const initializer = readTensor(bytes);
    if (initializer) initializers.set(initializer.name, initializer.tensor);
  }
  return { nodes, initializers };
}

function readNode(message: Uint8Array): OnnxFileNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  let op = '';
  for (const { number, bytes } of fieldsOf(message)) {
    if (number === NODE_INPUT) inputs.push(text(bytes));
    if (number === NODE_OUTPUT) outputs.push(text(bytes));
    if (number === NODE_OP) op = text(bytes);
  }
  return { op, inputs, outputs };
}

/** Lists of numbers come packed, as bytes, or one by one. */
function dimensions({ value, bytes }: Field): number[] {
  if (bytes.length === 0) return [value];
  const sides: number[] = [];
  let side = 0;
  let scale = 1;
  for (const byte of bytes) {
    side += (byte & 127) * scale;
    scale *= 128;
    if (byte >= 128) continue;
    sides.push(side);
    side = 0;
    scale = 1;
  }
  return sides;
}

function readTensor(message: Uint8Array): { readonly name: string; readonly tensor: HostTensor } | undefined {
  let name = '';
  let type = 0;
  let stored: Uint8Array = NOTHING;
  const shape: number[] = [];
  for (const field of fieldsOf(message)) {
    if (field.number === TENSOR_DIMS) shape.push(...dimensions(field));
    if (field.number === TENSOR_TYPE) type = field.value;
    if (field.number === TENSOR_NAME) name = text(field.bytes);
    if (field.number === TENSOR_RAW || field.number === TENSOR_FLOATS) stored = field.bytes;
  }
  if (type !== FLOAT) return undefined;
  if (stored.length !== 4 * sizeOf(shape)) {
    throw damaged(`the tensor ${name} [${shape}] has ${stored.length} bytes`);
  }
  // A copy, so that elements are aligned; a Buffer's own `slice` is none.
  const data = new Float32Array(new Uint8Array(stored).buffer);
  if (!data.every(Number.isFinite)) throw damaged(`the tensor ${name} holds a number that is not finite`);
  return { name, tensor: { shape, data } };
}
