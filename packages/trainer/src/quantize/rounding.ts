import type { HostTensor } from '@swinface/core';
import { factorize, type SymmetricFactor } from './factorize.js';

/** How a matrix is rounded. */
export interface Rounding {
  /** 8 gives steps -127..127, 4 gives -7..7. */
  readonly bits: 4 | 8;
  /** Columns that share a step; all of a row by default. */
  readonly group?: number;
  /** Also try steps that cut off the largest weights; the one with the least error, weighted by the inputs, is taken. */
  readonly clip: boolean;
}

/** Part of the mean second moment added to each, so that inputs which never vary cannot swallow errors. */
const DAMPING = 0.01;
/** Rows rounded together, so that the factor is read from memory once for all of them. */
const BLOCK = 16;
/** Steps tried by `clip`, as parts of the one that reaches the largest weight. */
const CLIPS: readonly number[] = Array.from({ length: 15 }, (_, i) => 1 - 0.025 * i);

/** Moments of a matrix's inputs, made ready to round all matrices that share them. */
export interface PreparedMoments {
  /** E[x_i^2] by column. */
  readonly diagonal: Float64Array;
  /** Present where errors are compensated. */
  readonly factor?: SymmetricFactor;
}

/** Prepares second moments [K, K]; compensation takes a K^3 factorisation. */
export function prepareMoments(moments: Float32Array, columns: number, compensate: boolean): PreparedMoments {
  const diagonal = Float64Array.from({ length: columns }, (_, i) => moments[i * columns + i] as number);
  const damping = (DAMPING * diagonal.reduce((sum, v) => sum + v, 0)) / columns || 1;
  return {
    diagonal: diagonal.map((value) => value + damping),
    ...(compensate ? { factor: factorize(moments, columns, damping) } : {}),
  };
}

/**
 * Rounds each row of a matrix [O, K] (or kernel [O, C, 3, 3]) to evenly spaced values.
 *
 * Compensation is that of GPTQ (arXiv:2210.17323) in the form of LDLQ (arXiv:2307.13304): with E[x x^T] = L D L^T the
 * error of an output, e^T L D L^T e, is a sum of squares of e_k + sum_{j>k} L_jk e_j. From the last column to the first,
 * each is rounded to what makes its own square small.
 *
 * In 8 bits and one group the largest weight of a row always takes the outermost step, so that rounding the
 * result again, by that rule, gives it back.
 */
export function roundMatrix(
  { shape, data }: HostTensor,
  { bits, group, clip }: Rounding,
  moments?: PreparedMoments,
): HostTensor {
  const limit = bits === 8 ? 127 : 7;
  const rows = shape[0] ?? 1;
  const columns = data.length / rows;
  const width = group ?? columns;
  const steps = new Float32Array(rows * Math.ceil(columns / width));
  const perRow = steps.length / rows;
  for (let r = 0; r < rows; r++) {
    for (let g = 0; g < perRow; g++) {
      const [from, to] = [g * width, Math.min(columns, (g + 1) * width)];
      const weights = data.subarray(r * columns + from, r * columns + to);
      steps[r * perRow + g] = bestStep(weights, limit, clip, moments?.diagonal.subarray(from, to));
    }
  }
  const stepOf = (r: number, k: number) => steps[r * perRow + Math.floor(k / width)] as number;
  const rounded = new Float32Array(data.length);
  const outermost = Int32Array.from({ length: rows }, (_, r) =>
    group === undefined ? largestIndex(data.subarray(r * columns, (r + 1) * columns)) : -1,
  );
  /** The step nearest to `target` for the weight at row r, column k. */
  const nearest = (r: number, k: number, target: number): number => {
    const step = stepOf(r, k);
    if (step === 0) return 0;
    if (outermost[r] === k) return Math.sign(data[r * columns + k] as number) * limit * step;
    const value = Math.min(limit, Math.floor(Math.abs(target) / step + 0.5));
    return Math.sign(target) * value * step;
  };
  const factor = moments?.factor;
  if (!factor) {
    for (let i = 0; i < data.length; i++) rounded[i] = nearest(Math.floor(i / columns), i % columns, data[i] as number);
    return { shape, data: rounded };
  }
  const { order, lower } = factor;
  const errors = new Float64Array(BLOCK * columns);
  for (let start = 0; start < rows; start += BLOCK) {
    const block = Math.min(BLOCK, rows - start);
    for (let k = columns - 1; k >= 0; k--) {
      const column = order[k] as number;
      for (let b = 0; b < block; b++) {
        let carried = 0;
        const [at, error] = [k * columns, b * columns];
        for (let j = k + 1; j < columns; j++) carried += (lower[at + j] as number) * (errors[error + j] as number);
        const index = (start + b) * columns + column;
        const value = nearest(start + b, column, (data[index] as number) + carried);
        rounded[index] = value;
        errors[error + k] = (data[index] as number) - value;
      }
    }
  }
  return { shape, data: rounded };
}

function largestIndex(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if (Math.abs(values[i] as number) > Math.abs(values[best] as number)) best = i;
  }
  return best;
}

/** The step with the least weighted squared error among those allowed. */
function bestStep(weights: Float32Array, limit: number, clip: boolean, importance?: Float64Array): number {
  const full = Math.fround(Math.abs(weights[largestIndex(weights)] ?? 0) / limit);
  if (!clip || full === 0) return full;
  let [best, least] = [full, Number.POSITIVE_INFINITY];
  for (const part of CLIPS) {
    const step = Math.fround(full * part);
    let error = 0;
    for (let i = 0; i < weights.length; i++) {
      const size = Math.abs(weights[i] as number);
      const gap = size - step * Math.min(limit, Math.floor(size / step + 0.5));
      error += gap * gap * (importance?.[i] ?? 1);
    }
    if (error < least) [best, least] = [step, error];
  }
  return best;
}
