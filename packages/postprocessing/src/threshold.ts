import { InvalidInputError, type OperatingPoint } from '@swinface/core';
import { describeValue, isObject, requireInput } from '@swinface/geometry';
import { requireVector, requireVerification } from './checked.js';
import type { Embedded } from './types.js';

/**
 * The agreement of a face, 1 where it is of one picture.
 *
 * @throws {InvalidInputError} unless it is above 0 and at most 1
 */
export function agreementOf({ agreement = 1 }: Embedded): number {
  if (agreement > 0 && agreement <= 1) return agreement;
  throw new InvalidInputError('The agreement of an averaged face is not usable.', {
    expected: 'a number above 0 and at most 1',
    actual: describeValue(agreement),
  });
}

/**
 * Similarity from which two faces match at a measured operating point, so that its false match rate holds for averages
 * too. An average of several pictures is nearer to the person, but also nearer to everybody: if strangers' cosines are
 * m on average, they are m / agreement with an average, and spread as much as before; so the threshold moves up by
 * as much. On 50 people of LFW and the default weights, averages of 5 at a nominal 0.01 reach 0.034 with the
 * threshold as it is, 0.016 with this one, single pictures 0.016; and accept 0.58, 0.44, and 0.30 of the right people.
 *
 * @param point as `operatingPoint` found it
 * @param verification `manifest.calibration.verification`
 * @param agreements of the two faces, 1 for one picture
 */
export function matchThreshold(
  point: OperatingPoint,
  verification: readonly OperatingPoint[],
  agreements: readonly number[],
): number {
  requireInput(
    isObject(point) && typeof point.threshold === 'number',
    'The argument "point"',
    'a measured point',
    point,
  );
  requireVerification(verification);
  requireVector('agreements', agreements);
  return thresholdRule(point, verification)(agreements.reduce((product, agreement) => product * agreement, 1));
}

/** The same for many: threshold by the product of the two agreements. */
export function thresholdRule(
  { threshold }: OperatingPoint,
  verification: readonly OperatingPoint[],
): (agreement: number) => number {
  const mean = strangersMean(verification);
  // Without it, the mean of the cosines with each picture decides, which matches strangers less often than one does.
  if (mean === undefined) return (agreement) => threshold / agreement;
  return (agreement) => threshold + mean * (1 / agreement - 1);
}

/** Mean cosine of strangers: of the normal distribution through the two least strict measured points. Not below 0. */
function strangersMean(verification: readonly OperatingPoint[]): number | undefined {
  const [strict, loose] = verification.slice(-2);
  if (!strict || !loose) return undefined;
  const deviations = (point: OperatingPoint) => -normalQuantile(point.falseMatchRate);
  const spread = (strict.threshold - loose.threshold) / (deviations(strict) - deviations(loose));
  const mean = loose.threshold - deviations(loose) * spread;
  return Number.isFinite(mean) ? Math.max(0, mean) : undefined;
}

/** z with P(Z < z) = p for a standard normal Z, within 4.5e-4 (Abramowitz and Stegun 26.2.23). */
function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  const t = Math.sqrt(-2 * Math.log(p));
  const z =
    t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3);
  return -z;
}
