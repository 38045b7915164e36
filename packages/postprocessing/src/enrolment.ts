import { InvalidInputError, type OperatingPoint } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { requireList, requireOptions, requireVerification } from './checked.js';
import { dot, embeddingOf, requireFace, requireSameModel } from './matching.js';
import { normalised } from './numeric.js';
import { isRecognisable } from './recognisability.js';
import type { FaceQuality } from './stream/types.js';
import type { Embedded } from './types.js';

/** One picture of the person to enrol; every `Face` is one. */
export interface Shot extends Embedded {
  /** What `faceQuality` says of it, as `analyze` and `stream` give it; fully good where absent. */
  readonly quality?: Pick<FaceQuality, 'score'>;
}

/** Why a shot was left out. */
export interface RejectedShot {
  /** Index into the shots. */
  readonly index: number;
  /** `quality`: below the least quality, or not recognisable; `outlier`: does not look like the person in the others. */
  readonly reason: 'quality' | 'outlier';
}

/** One embedding from several shots of a person: a face like any other to `verify` and a gallery. */
export interface Enrolment extends Embedded {
  /** Mean of the shots used, weighted by their quality, [feature], length 1. */
  readonly embedding: Float32Array;
  readonly agreement: number;
  /** Indices of the shots used. */
  readonly used: readonly number[];
  readonly rejected: readonly RejectedShot[];
}

/** Options of {@link enrol}. */
export interface EnrolOptions {
  /** `manifest.calibration.verification`: says from where on a shot is a stranger to the others. Without it, none is. */
  readonly verification?: readonly OperatingPoint[];
  /** Quality score a shot must have. Default 0.3, e.g. two parts of a half-good picture. */
  readonly minQuality?: number;
}

/**
 * One embedding from several shots of a person. Shots of poor quality are left out, and those that do not look like
 * the others even at the least strict false match rate that was measured; more than half of the good shots must remain.
 *
 * @throws {InvalidInputError} if no shot is good enough, the shots do not agree on one person, they come from different
 *   models, or one has no usable embedding
 *
 * @example
 * gallery.add('ada', enrol(shots, { verification: manifest.calibration.verification }));
 */
export function enrol(shots: readonly Shot[], options: EnrolOptions = {}): Enrolment {
  requireList('shots', shots, 'analysed faces');
  requireOptions(options);
  const { verification = [], minQuality = 0.3 } = options;
  requireVerification(verification);
  for (const shot of shots) requireFace(shot);
  const all = shots.map((shot, index) => {
    requireSameModel(shots[0]?.model ?? '', shot.model);
    const weight = isRecognisable(shot) ? (shot.quality?.score ?? 1) : 0;
    return { index, weight, embedding: normalised(embeddingOf(shot), `The embedding of shot ${index}`) };
  });
  const good = all.filter(({ weight }) => weight >= minQuality && weight > 0);
  const [first] = good;
  if (!first) {
    throw new InvalidInputError('No shot is good enough to enrol.', {
      expected: `at least one of quality ${minQuality}`,
      actual: all.length === 0 ? 'no shots' : all.map(({ weight }) => weight.toFixed(2)).join(', '),
      hint: 'The hints of faceQuality say what to do about it.',
    });
  }
  // Of the measured thresholds the least strict; without any, every shot agrees.
  const threshold = verification.reduce((least, point) => Math.min(least, point.threshold), 1);
  const used = agreeing(good, verification.length > 0 ? threshold : -1);
  if (used.length * 2 <= good.length) {
    throw new InvalidInputError('The shots do not agree on one person.', {
      expected: `more than half of ${good.length} shots alike`,
      actual: `${used.length}`,
      hint: 'Enrol one person at a time.',
    });
  }
  const kept = new Set(used);
  return {
    model: shots[0]?.model ?? '',
    embedding: directionOf(used),
    agreement: Math.min(1, Math.hypot(...mean(used))),
    used: used.map(({ index }) => index),
    rejected: all
      .filter((shot) => !kept.has(shot))
      .map(({ index, weight }) => ({ index, reason: weight >= minQuality && weight > 0 ? 'outlier' : 'quality' })),
  };
}

interface WeighedShot {
  readonly index: number;
  readonly weight: number;
  readonly embedding: Float32Array;
}

/** Leaves out the worst shot, one at a time, until each one is as like the mean of the others as the threshold says. */
function agreeing(shots: readonly WeighedShot[], threshold: number): readonly WeighedShot[] {
  let kept = shots;
  while (kept.length > 1) {
    const similarities = kept.map((shot) => dot(shot.embedding, directionOf(kept.filter((other) => other !== shot))));
    const worst = Math.min(...similarities);
    if (!(worst < threshold)) break;
    kept = kept.filter((_, i) => i !== similarities.indexOf(worst));
  }
  return kept;
}

const directionOf = (shots: readonly WeighedShot[]): Float32Array => normalised(mean(shots), 'The mean of the shots');

function mean(shots: readonly WeighedShot[]): Float64Array {
  const total = shots.reduce((sum, { weight }) => sum + weight, 0);
  const result = new Float64Array(at(shots, 0).embedding.length);
  for (const { embedding, weight } of shots) {
    if (embedding.length !== result.length) {
      throw new InvalidInputError('The embeddings of the shots have different lengths.', {
        expected: `${result.length} numbers`,
        actual: `${embedding.length}`,
      });
    }
    embedding.forEach((value, i) => {
      result[i] = at(result, i) + (weight / total) * value;
    });
  }
  return result;
}
