/**
 * TensorFlow Lite models, as far as MediaPipe's detectors and meshes need: a flatbuffer (https://flatbuffers.dev/internals/)
 * of one subgraph with constant float16 or float32 weights. Nothing in the file is trusted: every offset must lie inside
 * it, every count is bounded by the bytes there are, and every constant must have the size that its shape says.
 * Field numbers are those of tensorflow/compiler/mlir/lite/schema/schema.fbs.
 */
import { decodeFloat16, type HostTensor, sizeOf, WeightsInvalidError } from '@swinface/core';

/** A tensor of the graph; constants have data, as it is stored. */
export interface TfliteTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly data?: Uint8Array | undefined;
}

/** An operation of the graph, in the order of execution. Tensors are named by their numbers. */
export interface TfliteOperator {
  /** `BuiltinOperator` of the schema. */
  readonly code: number;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** An option of one byte or four by its field number; 0 where it is left out, as the schema's defaults are. */
  option(field: number, bytes: 1 | 4): number;
}

/** What is read of a model. */
export interface TfliteModel {
  readonly tensors: readonly TfliteTensor[];
  readonly operators: readonly TfliteOperator[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** `BuiltinOperator`s that occur in MediaPipe's detectors and meshes. */
export const TFLITE_OPERATOR = {
  add: 0,
  concatenation: 2,
  conv2d: 3,
  depthwiseConv2d: 4,
  dequantize: 6,
  logistic: 14,
  maxPool2d: 17,
  relu: 19,
  reshape: 22,
  resizeBilinear: 23,
  pad: 34,
  prelu: 54,
} as const;

const FLOAT32 = 0;
const FLOAT16 = 1;
const BYTES_OF_TYPE: Readonly<Record<number, number>> = { [FLOAT32]: 4, [FLOAT16]: 2, 2: 4, 4: 8, 9: 1 };
const NAMES = Object.entries(TFLITE_OPERATOR);
const MAX_DIMENSIONS = 8;

const damaged = (what: string) => new WeightsInvalidError(`The TFLite file is damaged: ${what}.`);

/** A flatbuffer's bytes, read with bounds. */
class Bytes {
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @throws {WeightsInvalidError} unless `length` bytes from `at` lie inside the file */
  check(at: number, length: number): void {
    if (at < 0 || at + length > this.bytes.length) {
      throw damaged(`${length} bytes at ${at} lie outside its ${this.bytes.length}`);
    }
  }

  u8(at: number): number {
    this.check(at, 1);
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    this.check(at, 2);
    return this.#view.getUint16(at, true);
  }

  u32(at: number): number {
    this.check(at, 4);
    return this.#view.getUint32(at, true);
  }

  i32(at: number): number {
    this.check(at, 4);
    return this.#view.getInt32(at, true);
  }

  root(): Table {
    return new Table(this, this.u32(0));
  }
}

/** A table: where each of its fields lies is in its vtable. */
class Table {
  readonly #vtable: number;
  readonly #vtableBytes: number;

  constructor(
    readonly file: Bytes,
    readonly at: number,
  ) {
    this.#vtable = at - file.i32(at);
    this.#vtableBytes = file.u16(this.#vtable);
    file.check(this.#vtable, this.#vtableBytes);
  }

  /** Where a field lies, undefined if it is left out. */
  place(field: number): number | undefined {
    const entry = 4 + 2 * field;
    const offset = entry + 2 > this.#vtableBytes ? 0 : this.file.u16(this.#vtable + entry);
    return offset === 0 ? undefined : this.at + offset;
  }

  scalar(field: number, bytes: 1 | 4): number {
    const at = this.place(field);
    if (at === undefined) return 0;
    return bytes === 1 ? this.file.u8(at) : this.file.i32(at);
  }

  table(field: number): Table | undefined {
    const at = this.place(field);
    return at === undefined ? undefined : new Table(this.file, at + this.file.u32(at));
  }

  /** Start and number of a vector's elements of `bytes` each. */
  #vector(field: number, bytes: number): readonly [start: number, count: number] {
    const at = this.place(field);
    if (at === undefined) return [0, 0];
    const vector = at + this.file.u32(at);
    const count = this.file.u32(vector);
    this.file.check(vector + 4, count * bytes);
    return [vector + 4, count];
  }

  bytes(field: number): Uint8Array {
    const [start, count] = this.#vector(field, 1);
    return this.file.bytes.subarray(start, start + count);
  }

  integers(field: number): number[] {
    const [start, count] = this.#vector(field, 4);
    return Array.from({ length: count }, (_, i) => this.file.i32(start + 4 * i));
  }

  tables(field: number): Table[] {
    const [start, count] = this.#vector(field, 4);
    return Array.from({ length: count }, (_, i) => {
      const at = start + 4 * i;
      return new Table(this.file, at + this.file.u32(at));
    });
  }
}

/**
 * Reads a model.
 *
 * @param file the whole file; what follows the flatbuffer is not looked at
 * @throws {WeightsInvalidError} if it is no TFLite model, is damaged, or is made of operations other than
 *   {@link TFLITE_OPERATOR}
 */
export function readTflite(file: Uint8Array): TfliteModel {
  if (file.length < 8 || new TextDecoder('latin1').decode(file.subarray(4, 8)) !== 'TFL3') {
    throw new WeightsInvalidError('This is no TFLite file.', {
      expected: 'a flatbuffer with the identifier "TFL3"',
      actual: `${file.length} bytes`,
    });
  }
  const model = new Bytes(file).root();
  const codes = model.tables(1).map((code) => {
    // Files older than the schema's 32-bit field have the code in the 8-bit one.
    const value = Math.max(code.scalar(0, 1), code.scalar(3, 4));
    if (!NAMES.some(([, known]) => known === value)) {
      throw new WeightsInvalidError(`The TFLite file uses the operation ${value}, which is not supported.`, {
        expected: NAMES.map(([name, known]) => `${known} (${name})`).join(', '),
      });
    }
    return value;
  });
  const [graph, ...others] = model.tables(2);
  if (!graph || others.length > 0) throw damaged(`it has ${others.length + (graph ? 1 : 0)} subgraphs, not 1`);
  const buffers = model.tables(4);
  const tensors = graph.tables(0).map((tensor) => readTensor(tensor, buffers));
  const numbers = (table: Table, field: number, what: string): number[] =>
    table.integers(field).map((number) => {
      if (number < 0 || number >= tensors.length) throw damaged(`${what} names tensor ${number} of ${tensors.length}`);
      return number;
    });
  const operators = graph.tables(3).map((operator): TfliteOperator => {
    const code = codes[operator.scalar(0, 4)];
    if (code === undefined) throw damaged('an operation names a code that is not listed');
    const options = operator.table(4);
    return {
      code,
      inputs: numbers(operator, 1, 'an input'),
      outputs: numbers(operator, 2, 'an output'),
      option: (field, bytes) => options?.scalar(field, bytes) ?? 0,
    };
  });
  return { tensors, operators, inputs: numbers(graph, 1, 'the graph'), outputs: numbers(graph, 2, 'the graph') };
}

function readTensor(tensor: Table, buffers: readonly Table[]): TfliteTensor {
  const name = new TextDecoder('latin1').decode(tensor.bytes(3));
  const shape = tensor.integers(0);
  if (shape.length > MAX_DIMENSIONS || shape.some((side) => side < 0)) {
    throw damaged(`the tensor ${name} has the shape [${shape}]`);
  }
  const type = tensor.scalar(1, 1);
  const buffer = buffers[tensor.scalar(2, 4)];
  if (!buffer) throw damaged(`the tensor ${name} names a buffer that is not there`);
  const data = buffer.bytes(0);
  if (data.length === 0) return { name, shape, type };
  const width = BYTES_OF_TYPE[type];
  if (width === undefined || data.length !== width * sizeOf(shape)) {
    throw damaged(`the tensor ${name} [${shape}] of type ${type} has ${data.length} bytes`);
  }
  return { name, shape, type, data };
}

/**
 * The float constants of a model by tensor number, widened to float32: those that are stored so, and the results of the
 * DEQUANTIZE operations that widen float16 ones.
 *
 * @throws {WeightsInvalidError} if a constant is not finite
 */
export function tfliteConstants({ tensors, operators }: TfliteModel): ReadonlyMap<number, HostTensor> {
  const constants = new Map<number, HostTensor>();
  tensors.forEach(({ name, shape, type, data }, number) => {
    if (!data || (type !== FLOAT32 && type !== FLOAT16)) return;
    // A copy, so that elements are aligned; a Buffer's own `slice` is none.
    const bytes = new Uint8Array(data).buffer;
    const values = type === FLOAT16 ? decodeFloat16(new Uint16Array(bytes)) : new Float32Array(bytes);
    if (!values.every(Number.isFinite)) throw damaged(`the tensor ${name} holds a number that is not finite`);
    constants.set(number, { shape, data: values });
  });
  for (const { code, inputs, outputs } of operators) {
    if (code !== TFLITE_OPERATOR.dequantize) continue;
    const [from, to] = [inputs[0], outputs[0]];
    const widened = from === undefined ? undefined : constants.get(from);
    if (to === undefined || !widened) throw damaged('a DEQUANTIZE operation reads no float constant');
    constants.set(to, widened);
  }
  return constants;
}
