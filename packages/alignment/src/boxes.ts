/** A rectangle in pixels of the upright source image; it may reach beyond the image. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Area of the intersection over area of the union, in [0, 1]. */
export function intersectionOverUnion(a: Box, b: Box): number {
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
 */
export function suppressOverlaps<T extends { readonly box: Box; readonly score: number }>(
  candidates: readonly T[],
  threshold: number,
): T[] {
  const kept: T[] = [];
  for (const candidate of [...candidates].sort((a, b) => b.score - a.score)) {
    if (!kept.some(({ box }) => intersectionOverUnion(box, candidate.box) > threshold)) kept.push(candidate);
  }
  return kept;
}

/** The smallest box around the first two of every `stride` numbers. */
export function boundingBox(points: Float32Array, stride: number): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i + 1 < points.length; i += stride) {
    const x = points[i] ?? 0;
    const y = points[i + 1] ?? 0;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** The square about a box's centre with `factor` times its longer side. */
export function squareAround({ x, y, width, height }: Box, factor: number): Box {
  const side = factor * Math.max(width, height);
  return { x: x + (width - side) / 2, y: y + (height - side) / 2, width: side, height: side };
}
