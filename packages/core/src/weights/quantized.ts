import { isBranded, isObject, isVector, requireInput } from '@swinface/geometry';
import { WeightsInvalidError } from '../errors.js';
import { type HostTensor, requireTensor, sizeOf } from '../tensor.js';
import type { DType } from './manifest-types.js';

/** Largest magnitude of a stored int8. -128 has no positive twin and stays unused, so that negation is exact. */
const LIMIT = 127;

/** Ending of the name under which a quantized tensor's scales are stored. */
export const SCALE_SUFFIX = '.scale';

/** A matrix in 8 bits: element = value * scale of its row, rows being the entries of the first axis. */
export interface QuantizedTensor {
  readonly shape: readonly number[];
  /** Within -127..127, row-major. */
  readonly values: Int8Array;
  /** [shape[0]]; 0 where the row is zero. */
  readonly scales: Float32Array;
}

/**
 * How a tensor is stored in a file of a storage type. Vectors are a small part of the file and reach far (a variance
 * may exceed float16's range), so they stay float32; the first and the last layer, the channel attention and the tables
 * of position biases are small and sensitive, so they stay float16 among int8.
 *
 * @throws {InvalidInputError} unless these are a name, a shape and a type
 */
export function storedAs(name: string, shape: readonly number[], dtype: DType): DType {
  requireInput(typeof name === 'string', 'The argument "name"', 'the name of a tensor', name);
  requireInput(isVector(shape), 'The argument "shape"', 'a list of numbers', shape);
  requireDType(dtype);
  if (shape.length < 2) return 'F32';
  if (
    dtype === 'I8' &&
    /^backbone\.(patch_embed|stem)\.|\.relative_position_bias_table$|\.channel_attention\.|^om\./.test(name)
  )
    return 'F16';
  return dtype;
}

/**
 * Rounds each row to the nearest of 255 evenly spaced values, the outermost at its largest magnitude. Rows that lie on
 * such a grid already, with an outermost value taken, keep their places on it.
 *
 * @throws {InvalidInputError} unless this is a tensor
 */
export function quantizeRows(tensor: HostTensor): QuantizedTensor {
  requireTensor(tensor);
  const { shape, data } = tensor;
  const rows = shape[0] ?? 1;
  const width = data.length / rows;
  const values = new Int8Array(data.length);
  const scales = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    const start = r * width;
    let largest = 0;
    for (let i = start; i < start + width; i++) largest = Math.max(largest, Math.abs(data[i] as number));
    const scale = Math.fround(largest / LIMIT);
    scales[r] = scale;
    if (scale === 0) continue;
    for (let i = start; i < start + width; i++) {
      const value = data[i] as number;
      // Halves away from zero on both sides; a scale rounded down may put the outermost past the limit.
      values[i] = Math.sign(value) * Math.min(LIMIT, Math.floor(Math.abs(value) / scale + 0.5));
    }
  }
  return { shape, values, scales };
}

/** The values that a quantized tensor stands for. @throws {InvalidInputError} unless this is one */
export function dequantizeRows(tensor: QuantizedTensor): HostTensor {
  const { shape, values, scales } = requireQuantized(tensor);
  const data = new Float32Array(values.length);
  const width = values.length / scales.length;
  for (let r = 0; r < scales.length; r++) {
    const scale = scales[r] as number;
    for (let i = r * width; i < (r + 1) * width; i++) data[i] = (values[i] as number) * scale;
  }
  return { shape, data };
}

/**
 * Checks the two halves of a quantized tensor as a file holds them.
 *
 * @param scales what the file stores under the tensor's name and {@link SCALE_SUFFIX}
 * @returns the scales
 * @throws {WeightsInvalidError} if the scales are missing, do not fit or make no sense, or a value is -128
 */
export function checkedScales(
  name: string,
  { shape, bytes }: { readonly shape: readonly number[]; readonly bytes: Uint8Array },
  scales: { readonly dtype: DType; readonly shape: readonly number[]; readonly bytes: Uint8Array } | undefined,
): Float32Array {
  if (shape.length < 2) {
    throw new WeightsInvalidError(`The tensor ${name} is I8 but no matrix.`, {
      expected: 'two or more axes',
      actual: `[${shape.join(', ')}]`,
    });
  }
  const rows = shape[0] as number;
  if (scales?.dtype !== 'F32' || scales.shape.join() !== String(rows)) {
    throw new WeightsInvalidError(`The tensor ${name} is I8 and needs a scale per row in ${name}${SCALE_SUFFIX}.`, {
      expected: `F32 [${rows}]`,
      actual: scales ? `${scales.dtype} [${scales.shape.join(', ')}]` : 'nothing',
    });
  }
  const data = new Float32Array(new Uint8Array(scales.bytes).buffer);
  const bad = data.findIndex((scale) => !(scale >= 0 && Number.isFinite(scale)));
  if (bad >= 0) {
    throw new WeightsInvalidError(`${name}${SCALE_SUFFIX} holds ${data[bad]} at ${bad}.`, {
      expected: 'finite numbers of at least zero',
    });
  }
  const outside = bytes.indexOf(0x80);
  if (outside >= 0) {
    throw new WeightsInvalidError(`The tensor ${name} holds -128 at ${outside}.`, { expected: '-127 to 127' });
  }
  return data;
}

/** Bytes of a tensor in a file, scales included. */
export function storedBytes(shape: readonly number[], dtype: DType): number {
  return sizeOf(shape) * BYTES_PER_ELEMENT[dtype] + (dtype === 'I8' ? 4 * (shape[0] ?? 1) : 0);
}

/** Size of an element by storage type. */
export const BYTES_PER_ELEMENT: Readonly<Record<DType, number>> = { F32: 4, F16: 2, I8: 1 };

/** @throws {InvalidInputError} unless this is a storage type */
export function requireDType(dtype: unknown): asserts dtype is DType {
  const isType = typeof dtype === 'string' && Object.hasOwn(BYTES_PER_ELEMENT, dtype);
  requireInput(isType, 'The argument "dtype"', Object.keys(BYTES_PER_ELEMENT).join(', '), dtype);
}

function requireQuantized(tensor: QuantizedTensor): QuantizedTensor {
  requireInput(isObject(tensor), 'A quantized tensor', 'an object with shape, values and scales', tensor);
  const { values, scales } = tensor;
  requireInput(isBranded(values, 'Int8Array'), 'The values of a quantized tensor', 'an Int8Array', values);
  requireInput(isBranded(scales, 'Float32Array'), 'The scales of a quantized tensor', 'a Float32Array', scales);
  return tensor;
}
