import { InvalidInputError } from '@swinface/core';
import type { Box } from './types.js';

/** Area of the intersection over area of the union, in [0, 1]. */
export function intersectionOverUnion(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (!(width > 0 && height > 0)) return 0;
  return (width * height) / (a.width * a.height + b.width * b.height - width * height);
}

/** Geometric mean of the two sides, pixels. */
export const sideOf = ({ width, height }: Box): number => Math.sqrt(width * height);

/** Centre of a box, pixels. */
export const centreOf = ({ x, y, width, height }: Box): readonly [x: number, y: number] => [
  x + width / 2,
  y + height / 2,
];

/** @throws {InvalidInputError} unless all four numbers are finite and the area is not empty */
export function checkBox(box: Box): void {
  const { x, y, width, height } = box;
  if ([x, y, width, height].every(Number.isFinite) && width > 0 && height > 0) return;
  throw new InvalidInputError('The box of a face is not usable.', {
    expected: 'finite x and y, width and height above 0',
    actual: JSON.stringify(box),
  });
}
