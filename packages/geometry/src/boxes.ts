import { describeValue, isObject, isVector, requireInput, requireNumber, requireNumbers } from './checks.js';
import { InvalidInputError } from './errors.js';
import type { Point } from './points.js';

/** A rectangle in pixels of the upright source image; it may reach beyond the image. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const requireBox = (box: unknown): void => requireNumbers('A box', box, ['x', 'y', 'width', 'height']);

/**
 * Area of the intersection over area of the union, in [0, 1]; 0 if both are empty.
 *
 * @throws {InvalidInputError} unless both are boxes
 */
export function intersectionOverUnion(a: Box, b: Box): number {
  requireBox(a);
  requireBox(b);
  return overlap(a, b);
}

function overlap(a: Box, b: Box): number {
  const shared = intersection(a, b);
  const union = a.width * a.height + b.width * b.height - shared;
  return union > 0 ? shared / union : 0;
}

function intersection(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

/**
 * Non-maximum suppression: goes through the boxes from the highest score down and drops those that overlap a kept one.
 *
 * @param threshold boxes with a larger intersection over union count as the same thing
 * @returns the kept ones, highest score first
 * @throws {InvalidInputError} if a candidate lacks its box or score
 */
export function suppressOverlaps<T extends { readonly box: Box; readonly score: number }>(
  candidates: readonly T[],
  threshold: number,
): T[] {
  requireInput(Array.isArray(candidates), 'The argument "candidates"', 'a list', candidates);
  requireNumber('The argument "threshold"', threshold);
  for (const candidate of candidates) {
    requireNumbers('A candidate', candidate, ['score']);
    requireBox(candidate.box);
  }
  const kept: T[] = [];
  for (const candidate of [...candidates].sort((a, b) => b.score - a.score)) {
    if (!kept.some(({ box }) => overlap(box, candidate.box) > threshold)) kept.push(candidate);
  }
  return kept;
}

/**
 * The smallest box around the first two of every `stride` numbers.
 *
 * @throws {InvalidInputError} if these are no numbers, or `stride` is not a whole number from 2
 */
export function boundingBox(points: ArrayLike<number>, stride: number): Box {
  requireInput(isVector(points), 'The argument "points"', 'numbers, x and y in turn', points);
  requireInput(Number.isInteger(stride) && stride >= 2, 'The argument "stride"', 'a whole number from 2', stride);
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i + 1 < points.length; i += stride) {
    const x = Number(points[i]);
    const y = Number(points[i + 1]);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/**
 * The square about a box's centre with `factor` times its longer side.
 *
 * @throws {InvalidInputError} unless these are a box and a number
 */
export function squareAround(box: Box, factor: number): Box {
  requireBox(box);
  requireNumber('The argument "factor"', factor);
  const { x, y, width, height } = box;
  const side = factor * Math.max(width, height);
  return { x: x + (width - side) / 2, y: y + (height - side) / 2, width: side, height: side };
}

/** Geometric mean of the two sides. @throws {InvalidInputError} unless this is a box */
export function meanSide(box: Box): number {
  requireBox(box);
  return Math.sqrt(box.width * box.height);
}

/** Centre of a box. @throws {InvalidInputError} unless this is one */
export function centreOf(box: Box): Point {
  requireBox(box);
  return [box.x + box.width / 2, box.y + box.height / 2];
}

/** @throws {InvalidInputError} unless all four numbers are finite and the area is not empty */
export function checkBox(box: Box): void {
  requireInput(isObject(box), 'The box of a face', 'an object with x, y, width and height', box);
  const { x, y, width, height } = box;
  if ([x, y, width, height].every(Number.isFinite) && width > 0 && height > 0) return;
  throw new InvalidInputError('The box of a face is not usable.', {
    expected: 'finite x and y, width and height above 0',
    actual: `x ${describeValue(x)}, y ${describeValue(y)}, width ${describeValue(width)}, height ${describeValue(height)}`,
  });
}
