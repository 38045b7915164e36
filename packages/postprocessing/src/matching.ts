import { InvalidInputError, type OperatingPoint } from '@swinface/core';
import { describeValue } from '@swinface/geometry';
import { requireList, requireOptions, requireVector, requireVerification } from './checked.js';
import { normalised } from './numeric.js';
import { isRecognisable } from './recognisability.js';
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
  requireVector('a', a);
  requireVector('b', b);
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
  options: CompareOptions = {},
): OperatingPoint | undefined {
  requireVerification(verification);
  requireOptions(options);
  const { falseMatchRate } = options;
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
    throw new InvalidInputError('No threshold was measured for this false match rate.', {
      expected: measured.length > 0 ? `one of ${measured.join(', ')}` : 'a model with a measured verification table',
      actual: describeValue(falseMatchRate),
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
 * How alike two faces are, and what that says: "same", "unsure" or "different", with the measured rate of error of either
 * answer. Where the model has no measured operating points, only the similarity is given: a threshold is never made up.
 * Faces that are not recognisable are "unsure", with that `reason`, however alike: in the dark, everybody is.
 *
 * @param verification `manifest.calibration.verification`
 * @throws {InvalidInputError} if an embedding is missing or unusable, the faces come from different models, or the
 *   false match rate asked for was not measured
 *
 * @example
 * const { similarity, verdict } = compare(faces[0], faces[1], manifest.calibration.verification);
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
 * Whether two faces match, at a false match rate that was measured for their model. Where `compare` shows how alike they
 * are, whatever is known, `verify` is for acting upon: there is a measured verdict ("same", "unsure" or "different"), or an
 * error. A picture too poor to decide by is no error but "unsure", with the `reason` "unrecognisable".
 *
 * @param a a face, or the {@link Enrolment} of several shots
 * @param b another
 * @param verification `manifest.calibration.verification`
 * @throws {InvalidInputError} as `compare`, and if the model has no measured operating points
 *
 * @example
 * const { verdict, falseNonMatchRate } = verify(enrolled, face, manifest.calibration.verification, { falseMatchRate: 1e-4 });
 */
export function verify(
  a: Embedded,
  b: Embedded,
  verification: readonly OperatingPoint[],
  options: CompareOptions = {},
): Verification {
  const point = requiredPoint(verification, options);
  const { falseNonMatchRate } = point;
  return { ...decided(a, b, point, verification), falseNonMatchRate };
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
  requireList('candidates', candidates, 'faces');
  const point = operatingPoint(verification, options);
  return candidates
    .map((candidate, index) => ({ index, ...judged(query, candidate, point, verification) }))
    .sort((a, b) => b.similarity - a.similarity);
}

/**
 * A face that was analysed, or what `JSON.parse` makes of one.
 *
 * @throws {InvalidInputError} if it is none
 */
export function requireFace(face: unknown): asserts face is Embedded {
  if (typeof face === 'object' && face !== null && typeof Reflect.get(face, 'model') === 'string') return;
  throw new InvalidInputError('This is no face that was analysed.', {
    expected: 'an entry of what `analyze` gives, or an object with "model" and "embedding"',
    actual: describeValue(face),
  });
}

/**
 * The embedding of a face. Typed arrays become plain objects in JSON, `{"0": 0.1, "1": ...}`; those are read too.
 *
 * @throws {InvalidInputError} if it has none
 */
export function embeddingOf(face: Embedded): ArrayLike<number> {
  requireFace(face);
  const embedding: unknown = face.embedding;
  if (embedding === undefined) {
    throw new InvalidInputError('This face has no embedding.', {
      hint: 'Include "Recognition" in the outputs that are computed, with a model that offers it.',
    });
  }
  if (Array.isArray(embedding) || ArrayBuffer.isView(embedding)) return embedding as unknown as ArrayLike<number>;
  if (typeof embedding === 'object' && embedding !== null) {
    const values = Object.values(embedding);
    if (values.length > 0 && Object.keys(embedding).every((key, i) => key === String(i))) return values;
  }
  throw new InvalidInputError('The embedding of this face is not usable.', {
    expected: 'a Float32Array or a list of numbers',
    actual: describeValue(embedding),
    hint: 'Where faces are kept as JSON, keep Array.from(face.embedding).',
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
  requireFace(a);
  requireFace(b);
  requireSameModel(a.model, b.model);
  return cosineSimilarity(embeddingOf(a), embeddingOf(b));
}

/** The least strict point of a table that has one. */
const loosest = (point: OperatingPoint, verification: readonly OperatingPoint[]): OperatingPoint =>
  verification.reduce((loose, other) => (other.falseMatchRate > loose.falseMatchRate ? other : loose), point);

function decided(
  a: Embedded,
  b: Embedded,
  point: OperatingPoint,
  verification: readonly OperatingPoint[],
): Omit<Verification, 'falseNonMatchRate'> {
  const similarity = similarityOf(a, b);
  const agreements = [agreementOf(a), agreementOf(b)];
  const apart = loosest(point, verification);
  const threshold = matchThreshold(point, verification, agreements);
  const differentBelow = matchThreshold(apart, verification, agreements);
  const usable = isRecognisable(a) && isRecognisable(b);
  const likely = similarity >= threshold ? 'same' : similarity < differentBelow ? 'different' : 'unsure';
  return {
    similarity,
    ...(usable ? { verdict: likely } : { verdict: 'unsure', reason: 'unrecognisable' }),
    threshold,
    falseMatchRate: point.falseMatchRate,
    differentBelow,
    missRate: apart.falseNonMatchRate,
  };
}

const judged = (
  a: Embedded,
  b: Embedded,
  point: OperatingPoint | undefined,
  verification: readonly OperatingPoint[],
): Comparison => (point ? decided(a, b, point, verification) : { similarity: similarityOf(a, b) });
