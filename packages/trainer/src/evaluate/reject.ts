import type { OperatingPoint } from '@swinface/core';
import { at } from '@swinface/core/internal';
import type { Predictions } from './predict.js';
import { type Estimate, share } from './statistics.js';
import { rowSimilarity } from './verification.js';

/** What rejecting poor pictures does for those that remain. */
export interface RejectPoint {
  /** Share of the faces that are rejected, the least recognisable first. */
  readonly rejected: number;
  /** Share of the pairs of one person that remain and do not match; the interval as if pairs were independent. */
  readonly misses: Estimate;
}

const SHARES: readonly number[] = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5];

/**
 * The curve of error versus reject, at a threshold that stays: where the score tells poor pictures, it falls.
 *
 * @returns empty where the model does not say how recognisable faces are, or nobody is there twice
 */
export function rejectCurve(
  { samples, analyses, dims, embeddings }: Predictions,
  { threshold }: Pick<OperatingPoint, 'threshold'>,
): RejectPoint[] {
  const scores = analyses.map(({ recognisability }) => recognisability);
  if (!scores.every((score) => score !== undefined)) return [];
  const persons = new Map<string, number[]>();
  for (const [i, { identity }] of samples.entries()) {
    if (identity !== undefined) persons.set(identity, [...(persons.get(identity) ?? []), i]);
  }
  const pairs = [...persons.values()].flatMap((faces) =>
    faces.flatMap((a, k) =>
      faces.slice(0, k).map((b) => ({
        score: Math.min(at(scores, a), at(scores, b)),
        missed: rowSimilarity(embeddings, dims, a, b) < threshold,
      })),
    ),
  );
  if (pairs.length === 0) return [];
  const sorted = [...scores].sort((a, b) => a - b);
  return SHARES.flatMap((rejected) => {
    const least = at(sorted, Math.floor(rejected * scores.length));
    const left = pairs.filter(({ score }) => score >= least);
    const missed = left.filter((pair) => pair.missed).length;
    return left.length > 0 ? [{ rejected, misses: share(missed, left.length) }] : [];
  });
}
