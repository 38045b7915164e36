import { describeValue, requireInput, requireNumber } from './checks.js';
import { InvalidInputError } from './errors.js';
import type { FivePoints, Point } from './points.js';
import { estimateSimilarity, invertSimilarity, type Similarity } from './similarity.js';

/** Side of the aligned crop in pixels: what the network takes. */
export const CROP_SIZE = 112;

/** Numbers of one crop as the network takes it: 3 x 112 x 112. */
export const CROP_LENGTH = 3 * CROP_SIZE * CROP_SIZE;

/** ArcFace publishes its template for warps that count pixel centres on integers; here they lie on .5. */
const published = (x: number, y: number): Point => [x + 0.5, y + 0.5];

/**
 * Where the five points of a face lie in a tight 112x112 crop, pixels: the template that ArcFace made customary and
 * that SwinFace's recognition, expression, age and gender were trained on.
 */
export const ARCFACE_TEMPLATE: FivePoints = [
  published(38.2946, 51.6963),
  published(73.5318, 51.5014),
  published(56.0252, 71.7366),
  published(41.5493, 92.3655),
  published(70.7299, 92.2041),
];

/**
 * The transform from source pixels to pixels of an aligned square crop.
 *
 * @param zoom 1 is the tight crop of the template; below 1 the template shrinks about the crop's centre, so more of the
 *   head is seen (the loose crop for hair and neck)
 * @param side of the crop in pixels; the template's centre stays the crop's, so a larger crop shows more around the face
 * @throws {InvalidInputError} if the points cannot be aligned, or `zoom` or `side` is not a positive number
 */
export function cropTransform(points: FivePoints, zoom = 1, side = CROP_SIZE): Similarity {
  if (!(typeof zoom === 'number' && zoom > 0 && Number.isFinite(zoom))) {
    throw new InvalidInputError('The zoom of a crop must be positive.', {
      expected: '> 0',
      actual: describeValue(zoom),
    });
  }
  requireInput(Number.isFinite(side) && side > 0, 'The side of a crop', 'pixels above 0', side);
  const centred = (v: number): number => (v - CROP_SIZE / 2) * zoom + side / 2;
  return estimateSimilarity(
    points,
    ARCFACE_TEMPLATE.map(([x, y]): Point => [centred(x), centred(y)]),
  );
}

/**
 * How one crop is sampled, shared word for word by the CPU and the GPU warp.
 *
 * The picture is first averaged over blocks of `block` x `block` pixels that start at its corner, so that shrinking a
 * large face does not alias; the block means are then read bilinearly. Blocks of one pixel, the case of every face up
 * to 1.5 times the crop, leave plain bilinear sampling. A block that the picture's edge cuts is the mean of the pixels it
 * has. Beyond the edge the blocks are mirrored: `c b a | a b c`.
 */
export interface CropSampling {
  /** Rows [xx, xy, x0, yx, yy, y0]: pixels of the crop to pixels of the working copy. */
  readonly rows: readonly [number, number, number, number, number, number];
  /** Side of a block in pixels of the working copy: the whole number next to "source pixels per crop pixel". */
  readonly block: number;
}

/**
 * @param sourceToCrop as {@link cropTransform} gives it
 * @param scaleX working pixels per source pixel; 1 unless the picture was shrunk
 * @param scaleY the same, vertically
 * @throws {InvalidInputError} if the transform is not finite or has no inverse
 */
export function cropSampling(sourceToCrop: Similarity, scaleX = 1, scaleY = 1): CropSampling {
  requireNumber('The argument "scaleX"', scaleX);
  requireNumber('The argument "scaleY"', scaleY);
  const { a, b, tx, ty } = invertSimilarity(sourceToCrop);
  const rows = [a * scaleX, -b * scaleX, tx * scaleX, b * scaleY, a * scaleY, ty * scaleY] as const;
  if (!rows.every(Number.isFinite)) {
    throw new InvalidInputError('The transform of a crop is not finite.', { actual: JSON.stringify(sourceToCrop) });
  }
  return { rows, block: Math.max(1, Math.round(Math.hypot(a, b) * Math.sqrt(scaleX * scaleY))) };
}
