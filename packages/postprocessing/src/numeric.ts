import { InvalidInputError } from '@swinface/core';
import { at } from '@swinface/core/internal';

/** Logits to probabilities that sum to 1, the logits divided by `temperature` first. */
export function softmax(logits: readonly number[], temperature = 1): number[] {
  // The largest logit becomes 0, so nothing overflows however far apart they are.
  const largest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp((logit - largest) / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** 1 / (1 + exp(-x)), without overflow at either end. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** Index of the largest value, the first of equals. */
export function argmax(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > at(values, best) ? i : best), 0);
}

/** Index of the first value that is NaN or infinite, or -1. */
export function firstNonFinite(values: ArrayLike<number>): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

/**
 * A copy of length 1 in the same direction.
 *
 * @param what names the vector in errors
 * @throws {InvalidInputError} if it is empty, holds a value that is not finite, or is zero and so has no direction
 */
export function normalised(vector: ArrayLike<number>, what: string): Float32Array {
  const bad = firstNonFinite(vector);
  if (vector.length === 0 || bad >= 0) {
    throw new InvalidInputError(`${what} is not usable.`, {
      expected: 'a vector of finite numbers',
      actual: bad >= 0 ? `${vector[bad]} at ${bad}` : 'an empty one',
    });
  }
  // Scaled by the largest magnitude, so that no square overflows or vanishes.
  let largest = 0;
  for (let i = 0; i < vector.length; i++) largest = Math.max(largest, Math.abs(vector[i] as number));
  if (largest === 0) {
    throw new InvalidInputError(`${what} is all zeros, which points nowhere.`, { expected: 'a non-zero vector' });
  }
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += ((vector[i] as number) / largest) ** 2;
  const norm = Math.sqrt(sum);
  return Float32Array.from(vector, (value) => value / largest / norm);
}
