import { InvalidInputError } from '../../errors.js';
import { ProtobufWriter } from './protobuf.js';

/** A tensor of an ONNX graph: its name and shape, where -1 is a side that grows with the number of faces. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Attributes of a node: integers, lists of integers, or floats and texts marked as such. */
export type OnnxAttributes = Readonly<
  Record<string, number | readonly number[] | { readonly float: number } | { readonly text: string }>
>;

/** One operation of the graph. */
export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly OnnxValue[];
  /** Optional outputs may be asked for later, hence not readonly. */
  readonly outputs: OnnxValue[];
  readonly attributes: OnnxAttributes;
}

/** Operator set written: the first with a fused Gelu. onnxruntime-web runs it on WebGPU and WASM. */
export const ONNX_OPSET = 20;
const IR_VERSION = 9;
const FLOAT = 1;
const INT64 = 7;

/** A tensor stored in the graph. */
export interface OnnxConstant {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** An ONNX graph under construction: values in, nodes in order of execution, values out. Everything is float32. */
export class OnnxGraph {
  readonly nodes: OnnxNode[] = [];
  readonly inputs: OnnxValue[] = [];
  readonly outputs: OnnxValue[] = [];
  readonly #constants = new Map<string, OnnxConstant>();
  readonly #integers = new Map<string, OnnxValue>();
  readonly #ones = new Map<number, OnnxValue>();
  readonly #names = new Set<string>();
  #count = 0;

  /** Constants of the graph by name; integer tensors as BigInt64Array. */
  get constants(): ReadonlyMap<string, OnnxConstant> {
    return this.#constants;
  }

  input(name: string, shape: readonly number[]): OnnxValue {
    const value = { name: this.#claim(name), shape };
    this.inputs.push(value);
    return value;
  }

  /** Makes `value` an output called `name`. */
  output(name: string, value: OnnxValue): void {
    const named = { name: this.#claim(name), shape: value.shape };
    this.nodes.push({ op: 'Identity', inputs: [value], outputs: [named], attributes: {} });
    this.outputs.push(named);
  }

  constant(data: Float32Array, shape: readonly number[], name?: string): OnnxValue {
    const value = { name: name === undefined ? this.fresh() : this.#claim(name), shape };
    this.#constants.set(value.name, { shape, data });
    return value;
  }

  scalar(value: number): OnnxValue {
    return this.constant(Float32Array.of(value), []);
  }

  /** A constant row of ones [1, count]; equal ones are stored once. */
  ones(count: number): OnnxValue {
    const known = this.#ones.get(count);
    if (known) return known;
    const value = this.constant(new Float32Array(count).fill(1), [1, count]);
    this.#ones.set(count, value);
    return value;
  }

  /** A constant int64 tensor, such as the shape of a Reshape; equal ones are stored once. */
  integers(values: readonly number[], shape: readonly number[] = [values.length]): OnnxValue {
    const key = `${shape.join()}:${values.join()}`;
    const known = this.#integers.get(key);
    if (known) return known;
    const value = { name: this.fresh(), shape };
    this.#constants.set(value.name, { shape, data: BigInt64Array.from(values, BigInt) });
    this.#integers.set(key, value);
    return value;
  }

  /** Adds a node with one output. */
  emit(op: string, inputs: readonly OnnxValue[], shape: readonly number[], attributes: OnnxAttributes = {}): OnnxValue {
    const value = { name: this.fresh(), shape };
    this.nodes.push({ op, inputs, outputs: [value], attributes });
    return value;
  }

  /** A name nothing in the graph has. */
  fresh(): string {
    return this.#claim(`v${this.#count++}`);
  }

  /** The graph as a serialised ONNX ModelProto, without nodes and constants that no output needs. */
  toModel(producer: string): Uint8Array<ArrayBuffer> {
    return this.toProto(producer).finish();
  }

  /** As {@link OnnxGraph.toModel}, not yet copied into one piece, with texts for people who open the file. */
  toProto(producer: string, metadata: Readonly<Record<string, string>> = {}): ProtobufWriter {
    const graph = new ProtobufWriter();
    const needed = new Set(this.outputs.map(({ name }) => name));
    const nodes: OnnxNode[] = [];
    for (const node of [...this.nodes].reverse()) {
      if (!node.outputs.some(({ name }) => needed.has(name))) continue;
      for (const { name } of node.inputs) needed.add(name);
      nodes.push(node);
    }
    for (const node of nodes.reverse()) graph.message(1, nodeProto(node));
    graph.text(2, 'swinface');
    for (const [name, constant] of this.#constants) {
      if (needed.has(name)) graph.message(5, tensorProto(name, constant));
    }
    for (const value of this.inputs) graph.message(11, valueInfoProto(value));
    for (const value of this.outputs) graph.message(12, valueInfoProto(value));
    const opset = new ProtobufWriter().text(1, '').integer(2, ONNX_OPSET);
    const model = new ProtobufWriter().integer(1, IR_VERSION).text(2, producer).message(7, graph).message(8, opset);
    for (const [key, value] of Object.entries(metadata)) {
      model.message(14, new ProtobufWriter().text(1, key).text(2, value));
    }
    return model;
  }

  #claim(name: string): string {
    if (this.#names.has(name)) {
      throw new InvalidInputError(`The graph has two values called ${name}.`, { expected: 'unique names' });
    }
    this.#names.add(name);
    return name;
  }
}

function nodeProto({ op, inputs, outputs, attributes }: OnnxNode): ProtobufWriter {
  const proto = new ProtobufWriter();
  for (const { name } of inputs) proto.text(1, name);
  for (const { name } of outputs) proto.text(2, name);
  proto.text(4, op);
  for (const [name, value] of Object.entries(attributes)) {
    const attribute = new ProtobufWriter().text(1, name);
    if (typeof value === 'number') attribute.integer(3, value).integer(20, 2);
    else if ('float' in value) attribute.float(2, value.float).integer(20, 1);
    else if ('text' in value) attribute.text(4, value.text).integer(20, 3);
    else {
      for (const entry of value) attribute.integer(8, entry);
      attribute.integer(20, 7);
    }
    proto.message(5, attribute);
  }
  return proto;
}

function tensorProto(name: string, { shape, data }: OnnxConstant): ProtobufWriter {
  const proto = new ProtobufWriter().integers(1, shape);
  proto.integer(2, data instanceof Float32Array ? FLOAT : INT64).text(8, name);
  return proto.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function valueInfoProto({ name, shape }: OnnxValue): ProtobufWriter {
  const sides = new ProtobufWriter();
  for (const side of shape) {
    sides.message(1, side === -1 ? new ProtobufWriter().text(2, 'faces') : new ProtobufWriter().integer(1, side));
  }
  const tensor = new ProtobufWriter().integer(1, FLOAT).message(2, sides);
  return new ProtobufWriter().text(1, name).message(2, new ProtobufWriter().message(1, tensor));
}
