import { Random } from '../data/random.js';

/** A measured value and the interval that holds the true one with 95 % confidence. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Number of faces (or pairs) behind it. */
  readonly count: number;
}

const Z95 = 1.959963984540054;

/** Wilson's interval of a share. */
export function share(right: number, count: number): Estimate {
  if (count === 0) return { value: Number.NaN, low: 0, high: 1, count };
  const p = right / count;
  const z2 = Z95 * Z95;
  const centre = (p + z2 / (2 * count)) / (1 + z2 / count);
  const half = (Z95 / (1 + z2 / count)) * Math.sqrt((p * (1 - p)) / count + z2 / (4 * count * count));
  return { value: p, low: Math.max(0, centre - half), high: Math.min(1, centre + half), count };
}

/** Mean with the percentile interval of a thousand bootstrap samples; the same numbers give the same interval. */
export function bootstrapMean(values: readonly number[]): Estimate {
  const count = values.length;
  if (count === 0) return { value: Number.NaN, low: Number.NaN, high: Number.NaN, count };
  const random = new Random(17, count);
  const means = new Float64Array(1000);
  for (let round = 0; round < means.length; round++) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[random.integer(count)] ?? 0;
    means[round] = sum / count;
  }
  means.sort();
  return { value: mean(values), low: means[25] ?? Number.NaN, high: means[974] ?? Number.NaN, count };
}

/** Arithmetic mean; NaN of nothing. */
export const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/**
 * The smallest value that is at least as large as `level` of the others would be in a further sample:
 * rank ceil((n + 1) * level) of n, the largest where n is too small for that.
 */
export function quantile(values: readonly number[], level: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length, Math.ceil((sorted.length + 1) * level)) - 1] ?? Number.NaN;
}
