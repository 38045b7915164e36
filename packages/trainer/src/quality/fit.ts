import type { ManifestRecognisability } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { choleskyFactor } from '../export/whitening.js';

/** Newton's method on a convex function of some hundred weights: it ends, at the latest, after so many steps. */
const MOST_STEPS = 25;
/** Largest step of a weight, in standard deviations of what it multiplies, with which the fit has ended. */
const SMALL = 1e-4;
/** Of each weight's square, in standard deviations of what it multiplies: against fitting the faces at hand too closely. */
const RIDGE = 1e-4;

/**
 * Logistic regression of "nothing wrong with the picture" on the direction of the embedding and its length; both kinds of faces weigh
 * the same, however many there are.
 *
 * @param good raw embeddings [N, dims] of pictures as they are
 * @param poor [M, dims], of pictures with a fault
 */
export function fitRecognisability(good: Float32Array, poor: Float32Array, dims: number): ManifestRecognisability {
  const width = dims + 2;
  const rows = [...rowsOf(good, dims), ...rowsOf(poor, dims)];
  const count = good.length / dims;
  const weightOf = (i: number) => (i < count ? 0.5 / count : 0.5 / (rows.length - count));
  const spread = spreads(rows, width);
  const solution = new Float64Array(width);
  for (let step = 0; step < MOST_STEPS; step++) {
    const gradient = new Float64Array(width);
    const curvature = new Float64Array(width * width);
    for (const [i, row] of rows.entries()) {
      let score = 0;
      for (let d = 0; d < width; d++) score += (solution[d] as number) * (row[d] as number);
      const p = 1 / (1 + Math.exp(-score));
      const weight = weightOf(i);
      const slope = weight * (p - (i < count ? 1 : 0));
      const bend = weight * p * (1 - p);
      for (let d = 0; d < width; d++) {
        const value = row[d] as number;
        gradient[d] = (gradient[d] as number) + slope * value;
        const scaled = bend * value;
        const line = d * width;
        for (let e = 0; e <= d; e++)
          curvature[line + e] = (curvature[line + e] as number) + scaled * (row[e] as number);
      }
    }
    for (let d = 0; d < width; d++) {
      // The constant is left free; the hair added to it keeps the matrix definite where no row is undecided.
      const ridge = d < width - 1 ? RIDGE * at(spread, d) ** 2 : 1e-9;
      gradient[d] = at(gradient, d) + (d < width - 1 ? ridge * at(solution, d) : 0);
      curvature[d * width + d] = at(curvature, d * width + d) + ridge;
    }
    const change = solve(curvature, gradient, width);
    for (let d = 0; d < width; d++) solution[d] = at(solution, d) - at(change, d);
    if (change.every((value, d) => Math.abs(value) * at(spread, d) < SMALL)) break;
  }
  const weights = [...solution.subarray(0, dims)].map(rounded);
  return { weights, length: rounded(at(solution, dims)), bias: rounded(at(solution, dims + 1)) };
}

/** Four digits: a manifest is downloaded, and the fit is not known more closely. */
const rounded = (value: number): number => Number(value.toPrecision(4));

/** The embedding at length 1, its length, and one. */
function rowsOf(embeddings: Float32Array, dims: number): Float64Array[] {
  return Array.from({ length: embeddings.length / dims }, (_, i) => {
    const embedding = embeddings.subarray(i * dims, (i + 1) * dims);
    const length = Math.hypot(...embedding);
    return Float64Array.of(...embedding.map((value) => value / length), length, 1);
  });
}

/** Standard deviation of each column; 1 for the constant. */
function spreads(rows: readonly Float64Array[], width: number): Float64Array {
  const [sum, squares] = [new Float64Array(width), new Float64Array(width)];
  for (const row of rows) {
    for (let d = 0; d < width; d++) {
      sum[d] = at(sum, d) + at(row, d);
      squares[d] = at(squares, d) + at(row, d) ** 2;
    }
  }
  const n = rows.length;
  return sum.map((total, d) => (d === width - 1 ? 1 : Math.sqrt(Math.max(0, at(squares, d) / n - (total / n) ** 2))));
}

/** x with a x = b, where the lower triangle of a positive definite is given. */
function solve(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const factor = choleskyFactor(a, n);
  const x = b.slice();
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] = at(x, i) - at(factor, i * n + k) * at(x, k);
    x[i] = at(x, i) / at(factor, i * n + i);
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] = at(x, i) - at(factor, k * n + i) * at(x, k);
    x[i] = at(x, i) / at(factor, i * n + i);
  }
  return x;
}
