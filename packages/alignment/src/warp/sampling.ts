import { InvalidInputError } from '@swinface/core';
import { CROP_SIZE, invertSimilarity, type Similarity } from '../similarity.js';

/** Numbers of one crop: 3 x 112 x 112. */
export const CROP_LENGTH = 3 * CROP_SIZE * CROP_SIZE;

/**
 * How one crop is sampled, shared word for word by the CPU and the GPU warp.
 *
 * The picture is first averaged over blocks of `block` x `block` pixels that start at its corner, so that shrinking a
 * large face does not alias; the block means are then read bilinearly. Blocks of one pixel, the case of every face up
 * to 1.5 times the crop, leave plain bilinear sampling. Everything outside the picture counts as 0 (black).
 */
export interface CropSampling {
  /** Rows [xx, xy, x0, yx, yy, y0]: pixels of the crop to pixels of the working copy, both continuous. */
  readonly rows: readonly [number, number, number, number, number, number];
  /** Side of a block in pixels of the working copy: the whole number next to "source pixels per crop pixel". */
  readonly block: number;
}

/**
 * @param sourceToCrop as `cropTransform` gives it
 * @param scaleX working pixels per source pixel; 1 unless the picture was shrunk
 * @param scaleY the same, vertically
 * @throws {InvalidInputError} if the transform is not finite or has no inverse
 */
export function cropSampling(sourceToCrop: Similarity, scaleX = 1, scaleY = 1): CropSampling {
  const { a, b, tx, ty } = invertSimilarity(sourceToCrop);
  const rows = [a * scaleX, -b * scaleX, tx * scaleX, b * scaleY, a * scaleY, ty * scaleY] as const;
  if (!rows.every(Number.isFinite)) {
    throw new InvalidInputError('The transform of a crop is not finite.', { actual: JSON.stringify(sourceToCrop) });
  }
  return { rows, block: Math.max(1, Math.round(Math.hypot(a, b) * Math.sqrt(scaleX * scaleY))) };
}
