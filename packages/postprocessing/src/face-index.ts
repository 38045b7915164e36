import { InvalidInputError } from '@swinface/core';
import { describeValue } from '@swinface/geometry';
import { embeddingOf, requireFace, requireSameModel } from './matching.js';
import { normalised } from './numeric.js';
import type { Embedded } from './types.js';

/**
 * The embedding of a face at length 1, fit for an index.
 *
 * @throws {InvalidInputError} if it is missing or unusable, of another model or another length
 */
export function vectorFor(
  index: { readonly model: string; readonly dimensions: number },
  face: Embedded,
): Float32Array {
  requireFace(face);
  requireSameModel(index.model, face.model);
  const embedding = embeddingOf(face);
  if (embedding.length !== index.dimensions) {
    throw new InvalidInputError('The embedding does not fit this gallery.', {
      expected: `${index.dimensions} numbers`,
      actual: `${embedding.length}`,
    });
  }
  return normalised(embedding, 'The embedding');
}

/** @throws {InvalidInputError} unless `k` is a positive integer */
export function checkCount(k: number): void {
  if (Number.isInteger(k) && k >= 1) return;
  throw new InvalidInputError('The number of matches to find must be positive.', {
    expected: 'an integer from 1',
    actual: describeValue(k),
  });
}

/** For an id that is empty or in use. */
export const takenId = (id: unknown): InvalidInputError =>
  new InvalidInputError('An entry of a gallery needs an id of its own.', {
    expected: 'a string that is not empty and not yet in use',
    actual: describeValue(id),
    hint: 'Remove the old entry first to replace it.',
  });
