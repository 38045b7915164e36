import { InvalidInputError } from '@swinface/core';
import type { FivePoints, Point } from './types.js';

/** Side of the aligned crop in pixels: what the network takes. */
export const CROP_SIZE = 112;

/**
 * Where the five points of a face lie in a tight 112x112 crop, pixels: the template that ArcFace made customary and
 * that SwinFace's recognition, expression, age and gender were trained on.
 */
export const ARCFACE_TEMPLATE: FivePoints = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
];

/**
 * A rotation, uniform scaling and shift, without reflection: (x, y) -> (a x - b y + tx, b x + a y + ty).
 * The scale is hypot(a, b), the angle atan2(b, a).
 */
export interface Similarity {
  readonly a: number;
  readonly b: number;
  readonly tx: number;
  readonly ty: number;
}

/** Points closer together than this (root mean square about their mean, pixels) give no direction to align by. */
const SMALLEST_SPREAD = 1e-3;

/**
 * The similarity that maps `from` onto `to` with the least sum of squared distances (Umeyama 1991; in two dimensions it
 * has a closed form that cannot reflect).
 *
 * @throws {InvalidInputError} if the lists differ in length, hold fewer than two points, a coordinate that is not
 *   finite, points of `from` that all coincide, or points that no rotation relates to `to` (scale zero)
 */
export function estimateSimilarity(from: readonly Point[], to: readonly Point[]): Similarity {
  if (from.length !== to.length || from.length < 2) {
    throw new InvalidInputError('A similarity transform needs pairs of points.', {
      expected: 'two lists of the same length, at least 2',
      actual: `${from.length} and ${to.length} points`,
    });
  }
  const [fromX, fromY] = mean(from);
  const [toX, toY] = mean(to);
  let spread = 0;
  let real = 0;
  let imaginary = 0;
  for (const [i, [px, py]] of from.entries()) {
    const [qx, qy] = to[i] ?? [Number.NaN, Number.NaN];
    const [x, y, u, v] = [px - fromX, py - fromY, qx - toX, qy - toY];
    spread += x * x + y * y;
    real += x * u + y * v;
    imaginary += x * v - y * u;
  }
  if (!Number.isFinite(spread + real + imaginary)) {
    throw new InvalidInputError('The points to align by hold a coordinate that is not a finite number.', {
      actual: JSON.stringify(from),
    });
  }
  if (Math.sqrt(spread / from.length) < SMALLEST_SPREAD) {
    throw new InvalidInputError('The points to align by coincide.', {
      expected: 'points in the pixels of the image, not divided by its size',
      actual: JSON.stringify(from),
    });
  }
  const a = real / spread;
  const b = imaginary / spread;
  if (Math.hypot(a, b) < 1e-9) {
    throw new InvalidInputError('No rotation and scale relate the points to the template.', {
      expected: 'image-left eye, image-right eye, nose tip, image-left and image-right mouth corner',
      actual: JSON.stringify(from),
    });
  }
  return { a, b, tx: toX - (a * fromX - b * fromY), ty: toY - (b * fromX + a * fromY) };
}

function mean(points: readonly Point[]): [number, number] {
  let x = 0;
  let y = 0;
  for (const point of points) {
    x += point[0];
    y += point[1];
  }
  return [x / points.length, y / points.length];
}

/**
 * The transform from source pixels to pixels of an aligned 112x112 crop.
 *
 * @param zoom 1 is the tight crop of the template; below 1 the template shrinks about the crop's centre, so more of the
 *   head is seen (the loose crop for hair and neck)
 * @throws {InvalidInputError} if the points cannot be aligned or `zoom` is not a positive number
 */
export function cropTransform(points: FivePoints, zoom = 1): Similarity {
  if (!(zoom > 0 && Number.isFinite(zoom))) {
    throw new InvalidInputError('The zoom of a crop must be positive.', { expected: '> 0', actual: String(zoom) });
  }
  const shift = (CROP_SIZE / 2) * (1 - zoom);
  const template = ARCFACE_TEMPLATE.map(([x, y]): Point => [x * zoom + shift, y * zoom + shift]);
  return estimateSimilarity(points, template);
}

/** `transform` applied to a point. */
export function applySimilarity({ a, b, tx, ty }: Similarity, [x, y]: Point): Point {
  return [a * x - b * y + tx, b * x + a * y + ty];
}

/** The transform that undoes `transform`. @throws {InvalidInputError} if its scale is zero */
export function invertSimilarity({ a, b, tx, ty }: Similarity): Similarity {
  const squaredScale = a * a + b * b;
  if (!(squaredScale > 0)) throw new InvalidInputError('A transform of scale zero has no inverse.');
  const [c, d] = [a / squaredScale, -b / squaredScale];
  return { a: c, b: d, tx: -(c * tx - d * ty), ty: -(d * tx + c * ty) };
}

/** The transform that applies `first`, then `second`. */
export function composeSimilarities(second: Similarity, first: Similarity): Similarity {
  const [tx, ty] = applySimilarity(second, [first.tx, first.ty]);
  return {
    a: second.a * first.a - second.b * first.b,
    b: second.a * first.b + second.b * first.a,
    tx,
    ty,
  };
}
