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
  // None and all are their own bounds; rounding leaves 1e-20 of them.
  const low = right === 0 ? 0 : Math.max(0, centre - half);
  const high = right === count ? 1 : Math.min(1, centre + half);
  return { value: p, low, high, count };
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

/**
 * A share among items of which many belong to one person, in Wilson's interval for as many independent items as would
 * vary as much: the variance is that of leaving out one person at a time (jackknife). Where nothing was found it does not
 * vary, and every item counts.
 *
 * @param found, items by person; an item of two persons stands with both
 * @param shared in how many persons' sums an item stands
 */
export function clusteredShare(found: Float64Array, items: Float64Array, shared: number): Estimate {
  const total = (values: Float64Array) => values.reduce((sum, v) => sum + v, 0);
  const [all, among] = [total(found) / shared, total(items) / shared];
  const plain = share(all, among);
  // Without a person, all of their items are gone.
  const without = Array.from(found, (own, i) => [all - own, among - (items[i] ?? 0)] as const)
    .filter((_, i) => (items[i] ?? 0) > 0)
    .flatMap(([f, n]) => (n > 0 ? [f / n] : []));
  const middle = mean(without);
  const variance = ((without.length - 1) / without.length) * without.reduce((sum, p) => sum + (p - middle) ** 2, 0);
  if (!(variance > 0)) return plain;
  const effective = Math.min(among, (plain.value * (1 - plain.value)) / variance);
  const { low, high } = share(plain.value * effective, effective);
  return { ...plain, low, high };
}
