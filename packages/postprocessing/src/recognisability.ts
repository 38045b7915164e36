import { InvalidInputError, type ManifestRecognisability } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { describeValue } from '@swinface/geometry';
import { sigmoid } from './numeric.js';
import type { Embedded } from './types.js';

/** Scores are scaled so that this is the least with which the measured thresholds hold, whatever the model. */
const ENOUGH = 0.5;

/**
 * The score of an embedding.
 *
 * @param embedding of length 1
 * @param size its length as the network gave it
 */
export function recognisabilityOf(
  embedding: Float32Array,
  size: number,
  { weights, length, bias }: ManifestRecognisability,
): number {
  return sigmoid(embedding.reduce((sum, value, i) => sum + at(weights, i) * value, bias + length * size));
}

/**
 * Whether the thresholds hold for a face; where that is not known, they are taken to.
 *
 * @throws {InvalidInputError} if what is said of the face is not a number within 0..1
 */
export function isRecognisable({ recognisability = 1 }: Embedded): boolean {
  if (typeof recognisability === 'number' && recognisability >= 0 && recognisability <= 1)
    return recognisability >= ENOUGH;
  throw new InvalidInputError('The recognisability of a face is not usable.', {
    expected: 'a number within 0..1',
    actual: describeValue(recognisability),
  });
}

/**
 * For what is kept, and would be compared with everybody who comes later.
 *
 * @throws {InvalidInputError} if the thresholds do not hold for a face
 */
export function requireRecognisable(face: Embedded): void {
  if (isRecognisable(face)) return;
  throw new InvalidInputError('This picture is too poor to know its face again.', {
    expected: `a recognisability of at least ${ENOUGH}`,
    actual: describeValue(face.recognisability),
    hint: 'Take another: in good light, sharp, the face uncovered and not too small.',
  });
}
