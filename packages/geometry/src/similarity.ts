import { isVector, requireInput, requireNumbers } from './checks.js';
import { InvalidInputError } from './errors.js';
import type { Point } from './points.js';

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

const requireSimilarity = (transform: unknown): void =>
  requireNumbers('A transform', transform, ['a', 'b', 'tx', 'ty']);

const isPoint = (value: unknown): value is Point => isVector(value) && value.length >= 2;

function requirePoints(points: unknown): void {
  const usable = Array.isArray(points) && points.every(isPoint);
  requireInput(usable, 'The points to align by', 'a list of points [x, y]', points);
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
  requirePoints(from);
  requirePoints(to);
  if (from.length !== to.length || from.length < 2) {
    throw new InvalidInputError('A similarity transform needs pairs of points.', {
      expected: 'two lists of the same length, at least 2',
      actual: `${from.length} and ${to.length} points`,
    });
  }
  const [fromX, fromY] = meanOf(from);
  const [toX, toY] = meanOf(to);
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

function meanOf(points: readonly Point[]): [number, number] {
  let x = 0;
  let y = 0;
  for (const point of points) {
    x += point[0];
    y += point[1];
  }
  return [x / points.length, y / points.length];
}

/** `transform` applied to a point. @throws {InvalidInputError} unless these are one and one */
export function applySimilarity(transform: Similarity, point: Point): Point {
  requireSimilarity(transform);
  requireInput(isPoint(point), 'The argument "point"', 'a point [x, y]', point);
  const { a, b, tx, ty } = transform;
  const [x, y] = point;
  return [a * x - b * y + tx, b * x + a * y + ty];
}

/** The transform that undoes `transform`. @throws {InvalidInputError} if it is none, or its scale is zero */
export function invertSimilarity(transform: Similarity): Similarity {
  requireSimilarity(transform);
  const { a, b, tx, ty } = transform;
  const squaredScale = a * a + b * b;
  if (!(squaredScale > 0)) throw new InvalidInputError('A transform of scale zero has no inverse.');
  const [c, d] = [a / squaredScale, -b / squaredScale];
  return { a: c, b: d, tx: -(c * tx - d * ty), ty: -(d * tx + c * ty) };
}

/** The transform that applies `first`, then `second`. @throws {InvalidInputError} unless both are transforms */
export function composeSimilarities(second: Similarity, first: Similarity): Similarity {
  requireSimilarity(second);
  requireSimilarity(first);
  const [tx, ty] = applySimilarity(second, [first.tx, first.ty]);
  return {
    a: second.a * first.a - second.b * first.b,
    b: second.a * first.b + second.b * first.a,
    tx,
    ty,
  };
}
