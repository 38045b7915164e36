import type { ManifestCalibration, ManifestRecognisability } from '@swinface/core';
import { at } from '@swinface/core/internal';
import type { Estimate } from '../evaluate/statistics.js';
import { ALL_STRANGERS, PairTable } from '../evaluate/strangers.js';
import type { RawEmbeddings } from './embeddings.js';

/** How strangers fare at one measured threshold where all pictures have one fault. */
export interface StrangersRate {
  /** As promised. */
  readonly falseMatchRate: number;
  /** Share of all pairs that match by their similarity alone. */
  readonly before: number;
  /** Share of all pairs that are answered "same": both recognisable, and alike. */
  readonly answeredSame: Estimate;
  /** Share of the pairs of recognisable faces that match; absent where there is no pair of them. */
  readonly amongRecognisable?: Estimate;
}

/** Faces of a set with one fault. */
export interface FaultReport {
  readonly fault: string;
  readonly faces: number;
  /** Share of them that are recognisable. */
  readonly recognisable: number;
  readonly rates: readonly StrangersRate[];
}

/** Of each row, the score before it is brought to 0..1: from zero on, a face is recognisable. */
export function rawScores(rows: Float32Array, { weights, length, bias }: ManifestRecognisability): number[] {
  const dims = weights.length;
  return Array.from({ length: rows.length / dims }, (_, i) => {
    const row = rows.subarray(i * dims, (i + 1) * dims);
    const size = Math.hypot(...row);
    return row.reduce((sum, value, d) => sum + (at(weights, d) * value) / size, bias + length * size);
  });
}

/** What becomes of faces that all have one fault. */
export function faultReport(
  fault: string,
  { samples, rows }: RawEmbeddings,
  score: ManifestRecognisability,
  verification: ManifestCalibration['verification'],
): FaultReport {
  const dims = score.weights.length;
  const units = unitRows(rows, dims);
  const kept = rawScores(rows, score).flatMap((value, i) => (value >= 0 ? [i] : []));
  const keptRows = new Float32Array(kept.length * dims);
  for (const [k, i] of kept.entries()) keptRows.set(units.subarray(i * dims, (i + 1) * dims), k * dims);
  const all = new PairTable(units, dims, samples);
  const left = new PairTable(
    keptRows,
    dims,
    kept.flatMap((i) => samples[i] ?? []),
  );
  const pairs = all.strangers(ALL_STRANGERS).length;
  return {
    fault,
    faces: samples.length,
    recognisable: kept.length / samples.length,
    rates: verification.map(({ falseMatchRate, threshold }) => {
      const before = all.falseMatches(threshold, ALL_STRANGERS).value;
      if (left.strangers(ALL_STRANGERS).length === 0) {
        return { falseMatchRate, before, answeredSame: { value: 0, low: 0, high: 0, count: pairs } };
      }
      const among = left.falseMatches(threshold, ALL_STRANGERS);
      const part = among.count / pairs;
      const answeredSame = { value: among.value * part, low: among.low * part, high: among.high * part, count: pairs };
      return { falseMatchRate, before, answeredSame, amongRecognisable: among };
    }),
  };
}

function unitRows(rows: Float32Array, dims: number): Float32Array {
  const units = rows.slice();
  for (let from = 0; from < units.length; from += dims) {
    const length = Math.hypot(...rows.subarray(from, from + dims));
    for (let d = from; d < from + dims; d++) units[d] = at(units, d) / length;
  }
  return units;
}
