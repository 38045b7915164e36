import { isBranded, isObject, isVector, requireInput } from '@swinface/geometry';

/** A float32 tensor in host memory, row-major. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Number of elements of a shape; 1 for a scalar. @throws {InvalidInputError} unless this is a list of numbers */
export function sizeOf(shape: readonly number[]): number {
  requireInput(isVector(shape), 'A shape', 'a list of numbers', shape);
  return shape.reduce((product, side) => product * side, 1);
}

/** @throws {InvalidInputError} unless this is a tensor whose numbers fit its shape */
export function requireTensor(tensor: unknown): asserts tensor is HostTensor {
  requireInput(isObject(tensor), 'A tensor', 'an object with shape and data', tensor);
  const { shape, data } = tensor;
  requireInput(Array.isArray(shape) && isVector(shape), 'The shape of a tensor', 'a list of numbers', shape);
  const fits = isBranded(data, 'Float32Array') && (data as Float32Array).length === sizeOf(shape as readonly number[]);
  requireInput(fits, 'The data of a tensor', `a Float32Array for [${shape.join(', ')}]`, data);
}
