import { type HostTensor, sizeOf } from '../../tensor.js';

/** A float64 tensor, row-major: what the reference computes with. */
export interface ReferenceTensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Widens a float32 tensor. */
export const toReference = ({ shape, data }: HostTensor): ReferenceTensor => ({ shape, data: Float64Array.from(data) });

/** A tensor of a shape, each element computed from its flat index. */
export function generate(shape: readonly number[], value: (index: number) => number): ReferenceTensor {
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = value(i);
  return { shape, data };
}

/** Element at a flat index; a bound error here is a bug in the reference, hence no fallback value. */
export function at(tensor: ReferenceTensor, index: number): number {
  const value = tensor.data[index];
  if (value === undefined)
    throw new RangeError(`Index ${index} outside a tensor of shape [${tensor.shape.join(', ')}]`);
  return value;
}

/** The last side of a shape. */
export const lastSide = ({ shape }: ReferenceTensor): number => shape[shape.length - 1] ?? 1;
