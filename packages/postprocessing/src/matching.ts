import { InvalidInputError, type OperatingPoint } from '@swinface/core';
import { normalised } from './numeric.js';
import { agreementOf, matchThreshold } from './threshold.js';
import type { Comparison, Embedded, Match, Verification } from './types.js';

/** How a match is decided. */
export interface CompareOptions {
  /**
   * Share of pairs of strangers that may match: one that was measured for this model, as its manifest lists them. Without
   * it, the measured rate nearest to one in a thousand.
   */
  readonly falseMatchRate?: number;
}

const DEFAULT_FALSE_MATCH_RATE = 1e-3;

/**
 * Cosine of the angle between two vectors, -1..1; they need not have length 1.
 *
 * @throws {InvalidInputError} if their lengths differ, or one is empty, zero or not finite
 */
export function cosineSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new InvalidInputError('Embeddings of different lengths cannot be compared.', {
      expected: 'two of the same length',
      actual: `${a.length} and ${b.length}`,
    });
  }
  return dot(normalised(a, 'The first embedding'), normalised(b, 'The second embedding'));
}

/**
 * The measured operating point that decides at a false match rate; undefined where the model has none and none was
 * asked for.
 *
 * @param verification `manifest.calibration.verification`
 * @throws {InvalidInputError} if a rate is asked for that was not measured, naming those that were
 */
export function operatingPoint(
  verification: readonly OperatingPoint[],
  { falseMatchRate }: CompareOptions = {},
): OperatingPoint | undefined {
  if (falseMatchRate === undefined) {
    const distance = (point: OperatingPoint) =>
      Math.abs(Math.log(point.falseMatchRate) - Math.log(DEFAULT_FALSE_MATCH_RATE));
    return verification.reduce<OperatingPoint | undefined>(
      (best, point) => (best && distance(best) <= distance(point) ? best : point),
      undefined,
    );
  }
  const found = verification.find((point) => point.falseMatchRate === falseMatchRate);
  if (!found) {
    const measured = verification.map((point) => point.falseMatchRate);
    throw new InvalidInputError(`No threshold was measured for a false match rate of ${falseMatchRate}.`, {
      expected: measured.length > 0 ? `one of ${measured.join(', ')}` : 'a model with a measured verification table',
      actual: String(falseMatchRate),
      hint: 'Thresholds are measured on held-out faces, never made up; `compare` tells the bare similarity.',
    });
  }
  return found;
}

/**
 * The same, where a decision is needed.
 *
 * @throws {InvalidInputError} also if the model has no measured operating points at all
 */
export function requiredPoint(verification: readonly OperatingPoint[], options: CompareOptions): OperatingPoint {
  const point = operatingPoint(verification, options);
  if (point) return point;
  throw new InvalidInputError('This model cannot decide whether two faces match.', {
    expected: 'a model with a measured verification table',
    hint: 'Evaluate the model, or use `compare` and read the bare similarity.',
  });
}

/**
 * How alike two faces are, and whether they match. Where the model has no measured operating points, only the
 * similarity is given: a threshold is never made up.
 *
 * @param verification `manifest.calibration.verification`
 * @throws {InvalidInputError} if an embedding is missing or unusable, the faces come from different models, or the
 *   false match rate asked for was not measured
 *
 * @example
 * const { similarity, same } = compare(faces[0], faces[1], manifest.calibration.verification);
 */
export function compare(
  a: Embedded,
  b: Embedded,
  verification: readonly OperatingPoint[],
  options: CompareOptions = {},
): Comparison {
  const point = operatingPoint(verification, options);
  return judged(a, b, point, verification);
}

/**
 * Decides whether two faces match, at a false match rate that was measured for their model. Where `compare` shows how
 * alike they are, whatever is known, `verify` is for acting upon: there is a decision, or an error.
 *
 * @param a a face, or the {@link Enrolment} of several shots
 * @param b another
 * @param verification `manifest.calibration.verification`
 * @throws {InvalidInputError} as `compare`, and if the model has no measured operating points
 *
 * @example
 * const { same, falseNonMatchRate } = verify(enrolled, face, manifest.calibration.verification, { falseMatchRate: 1e-4 });
 */
export function verify(
  a: Embedded,
  b: Embedded,
  verification: readonly OperatingPoint[],
  options: CompareOptions = {},
): Verification {
  const point = requiredPoint(verification, options);
  const similarity = similarityOf(a, b);
  const threshold = thresholdFor(a, b, point, verification);
  const { falseMatchRate, falseNonMatchRate } = point;
  return { similarity, same: similarity >= threshold, threshold, falseMatchRate, falseNonMatchRate };
}

/**
 * All candidates compared with one face, most similar first.
 *
 * @param verification `manifest.calibration.verification`
 * @throws {InvalidInputError} as `compare`; no candidate is skipped silently
 */
export function match(
  query: Embedded,
  candidates: readonly Embedded[],
  verification: readonly OperatingPoint[],
  options: CompareOptions = {},
): readonly Match[] {
  const point = operatingPoint(verification, options);
  return candidates
    .map((candidate, index) => ({ index, ...judged(query, candidate, point, verification) }))
    .sort((a, b) => b.similarity - a.similarity);
}

/**
 * The embedding of a face.
 *
 * @throws {InvalidInputError} if it has none
 */
export function embeddingOf({ embedding }: Embedded): Float32Array {
  if (embedding) return embedding;
  throw new InvalidInputError('This face has no embedding.', {
    hint: 'Include "Recognition" in the outputs that are computed, with a model that offers it.',
  });
}

/**
 * @param a id of a model
 * @param b id of another
 * @throws {InvalidInputError} unless they are the same
 */
export function requireSameModel(a: string, b: string): void {
  if (a === b) return;
  throw new InvalidInputError('Embeddings of different models cannot be compared.', {
    expected: `both from ${a}`,
    actual: `one from ${b}`,
    hint: 'Analyse both pictures with the same model.',
  });
}

/** Sum of products; both must have length 1 to give a cosine. Rounding may leave -1..1 by a hair, hence the clamp. */
export function dot(a: Float32Array, b: Float32Array, offset = 0): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[offset + i] as number);
  return Math.min(1, Math.max(-1, sum));
}

function similarityOf(a: Embedded, b: Embedded): number {
  requireSameModel(a.model, b.model);
  return cosineSimilarity(embeddingOf(a), embeddingOf(b));
}

const thresholdFor = (a: Embedded, b: Embedded, point: OperatingPoint, verification: readonly OperatingPoint[]) =>
  matchThreshold(point, verification, [agreementOf(a), agreementOf(b)]);

function judged(
  a: Embedded,
  b: Embedded,
  point: OperatingPoint | undefined,
  verification: readonly OperatingPoint[],
): Comparison {
  const similarity = similarityOf(a, b);
  if (!point) return { similarity };
  const threshold = thresholdFor(a, b, point, verification);
  return { similarity, same: similarity >= threshold, falseMatchRate: point.falseMatchRate, threshold };
}
