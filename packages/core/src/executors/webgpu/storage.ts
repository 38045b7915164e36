import type { HostTensor } from '../../tensor.js';
import { decodeFloat16, encodeFloat16 } from '../../weights/float16.js';
import { quantizeRows } from '../../weights/quantized.js';
import type { Constant } from './kernel.js';
import f16 from './kernels/fragments/weight_f16.wgsl?raw';
import f32 from './kernels/fragments/weight_f32.wgsl?raw';
import int8 from './kernels/fragments/weight_int8.wgsl?raw';

/**
 * How the big weight matrices lie in the GPU's memory; arithmetic is float32 whichever it is.
 * `f16` rounds each weight to half precision, `int8` to one of 255 values spread evenly over its output channel, but for
 * the subnets' stacked layers.
 */
export type Storage = 'f32' | 'f16' | 'int8';

/** A piece of shader for each: what four columns of a row are stored as, and how they become float32. */
export const WIDEN: Readonly<Record<Storage, string>> = { f32, f16, int8 };

const BYTES: Readonly<Record<Storage, number>> = { f32: 4, f16: 2, int8: 1 };

/** A weight matrix, a row for each output channel, and where its kernel wants which element. */
interface Matrix {
  readonly label: string;
  readonly rows: number;
  /** Elements that the stored matrix has, padding included; a multiple of four. */
  readonly length: number;
  /** Element i of row r stands at `start(r) + offsets[i]`. */
  readonly start: (row: number) => number;
  readonly offsets: Int32Array;
  /** [rows, offsets.length]; asked once, when it is stored. */
  readonly data: () => Float32Array;
}

/** Bits to store, and what they stand for. */
interface Rounded {
  readonly bits: Float32Array | Uint16Array | Int8Array;
  /** The values that the shader multiplies with; those of a row are this many times its `scale` too small. */
  readonly values: Float32Array | Int8Array;
  /** What makes a sum of products with a row's stored values good. */
  readonly scale: (row: number) => number;
}

function round(storage: Storage, rows: HostTensor): Rounded {
  switch (storage) {
    case 'f32':
      return { bits: rows.data, values: rows.data, scale: () => 1 };
    case 'f16': {
      const bits = encodeFloat16(rows.data);
      return { bits, values: decodeFloat16(bits), scale: () => 1 };
    }
    case 'int8': {
      const { values, scales } = quantizeRows(rows);
      return { bits: values, values, scale: (row) => scales[row] as number };
    }
  }
}

/** `unpack4x8snorm` divides by this. */
const SNORM = 127;

/** A matrix as it is stored, and the numbers that the kernel needs of each of its rows. */
export class StoredMatrix {
  readonly constant: Constant;
  readonly #storage: Storage;
  readonly #matrix: Matrix;
  #rounded: Rounded | undefined;

  constructor(storage: Storage, matrix: Matrix) {
    this.#storage = storage;
    this.#matrix = matrix;
    this.constant = {
      kind: 'constant',
      label: matrix.label,
      length: (matrix.length * BYTES[storage]) / 4,
      fill: (target) => this.#fill(target),
    };
  }

  /**
   * For each row the factor of its sums, and the sum of what its stored elements stand for. Lets go of the matrix, so it
   * is asked last.
   */
  *rows(): Generator<{ readonly scale: number; readonly sum: number }> {
    const { values, scale } = this.#round();
    const depth = this.#matrix.offsets.length;
    this.#rounded = undefined;
    for (let r = 0; r < this.#matrix.rows; r++) {
      let sum = 0;
      for (let i = r * depth; i < (r + 1) * depth; i++) sum += values[i] as number;
      yield { scale: scale(r) * (this.#storage === 'int8' ? SNORM : 1), sum: sum * scale(r) };
    }
  }

  #round(): Rounded {
    const { rows, offsets, data } = this.#matrix;
    this.#rounded ??= round(this.#storage, { shape: [rows, offsets.length], data: data() });
    return this.#rounded;
  }

  #fill(target: ArrayBuffer): void {
    const { bits } = this.#round();
    const { rows, offsets, start } = this.#matrix;
    const stored = viewLike(bits, target);
    const depth = offsets.length;
    for (let r = 0; r < rows; r++) {
      const to = start(r);
      for (let i = 0; i < depth; i++) stored[to + (offsets[i] as number)] = bits[r * depth + i] as number;
    }
  }
}

function viewLike(bits: Rounded['bits'], target: ArrayBuffer): Rounded['bits'] {
  if (bits instanceof Float32Array) return new Float32Array(target);
  return bits instanceof Int8Array ? new Int8Array(target) : new Uint16Array(target);
}
