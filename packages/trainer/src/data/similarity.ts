import { InvalidInputError } from '@swinface/core';

/** A point in pixels, (x, y); pixel centres lie on integers. */
export type Point = readonly [x: number, y: number];

/** Image-left eye, image-right eye, nose tip, image-left and image-right mouth corner. */
export type FivePoints = readonly [Point, Point, Point, Point, Point];

/** x' = a x - b y + tx, y' = b x + a y + ty: rotation, uniform scale and translation. */
export interface Similarity {
  readonly a: number;
  readonly b: number;
  readonly tx: number;
  readonly ty: number;
}

/** Side of the template's crop in pixels. */
export const TEMPLATE_SIDE = 112;

/** The ArcFace five-point template in a 112 x 112 crop. */
export const ARCFACE_TEMPLATE: FivePoints = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
];

/**
 * Least-squares similarity transform that takes `from` to `to` (Umeyama 1991, closed form in two dimensions).
 *
 * @throws {InvalidInputError} if the points coincide or are not finite.
 */
export function estimateSimilarity(from: readonly Point[], to: readonly Point[]): Similarity {
  const n = Math.min(from.length, to.length);
  let [fx, fy, gx, gy] = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = from[i] ?? [0, 0];
    const [u, v] = to[i] ?? [0, 0];
    fx += x / n;
    fy += y / n;
    gx += u / n;
    gy += v / n;
  }
  let [dot, cross, spread] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = from[i] ?? [0, 0];
    const [u, v] = to[i] ?? [0, 0];
    const [xc, yc, uc, vc] = [x - fx, y - fy, u - gx, v - gy];
    dot += xc * uc + yc * vc;
    cross += xc * vc - yc * uc;
    spread += xc * xc + yc * yc;
  }
  const a = dot / spread;
  const b = cross / spread;
  if (!(a * a + b * b > 0) || !Number.isFinite(a + b)) {
    throw new InvalidInputError('No similarity transform fits these points.', {
      expected: 'finite points that are not all in one place',
      actual: JSON.stringify(from),
    });
  }
  return { a, b, tx: gx - a * fx + b * fy, ty: gy - b * fx - a * fy };
}

/** The transform that undoes `s`. */
export function invertSimilarity(s: Similarity): Similarity {
  const d = s.a * s.a + s.b * s.b;
  const [a, b] = [s.a / d, -s.b / d];
  return { a, b, tx: -a * s.tx + b * s.ty, ty: -b * s.tx - a * s.ty };
}

/** Where `s` takes a point. */
export const applySimilarity = ({ a, b, tx, ty }: Similarity, [x, y]: Point): Point => [
  a * x - b * y + tx,
  b * x + a * y + ty,
];
