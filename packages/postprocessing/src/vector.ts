/** A vector of three numbers. */
export type Vector = readonly [x: number, y: number, z: number];

/** Three vectors: rows or columns, as the user says. */
export type Matrix = readonly [Vector, Vector, Vector];

/** x with A x = b for a symmetric A, by Cramer's rule; not finite where A is singular. */
export function solve([a, b, c]: Matrix, right: Vector): Vector {
  const determinant = dotProduct(a, cross(b, c));
  return [
    dotProduct(right, cross(b, c)) / determinant,
    dotProduct(a, cross(right, c)) / determinant,
    dotProduct(a, cross(b, right)) / determinant,
  ];
}

/** The points with their mean moved to the origin. */
export function centred(points: readonly Vector[]): Vector[] {
  const mean = scaled(points.reduce(add), 1 / points.length);
  return points.map((point) => minus(point, mean));
}

/** a + b. */
export const add = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
/** a - b. */
export const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
/** a times a number. */
export const scaled = (a: Vector, factor: number): Vector => [a[0] * factor, a[1] * factor, a[2] * factor];
/** a . b. */
export const dotProduct = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
/** a at length 1; not finite where a is zero. */
export const unit = (a: Vector): Vector => scaled(a, 1 / Math.hypot(...a));
/** a x b. */
export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
/** A step along one axis. */
export const axisVector = (axis: number, length: number): Vector => [
  axis === 0 ? length : 0,
  axis === 1 ? length : 0,
  axis === 2 ? length : 0,
];
/** Rows to columns. */
export const transposed = ([a, b, c]: Matrix): Matrix => [
  [a[0], b[0], c[0]],
  [a[1], b[1], c[1]],
  [a[2], b[2], c[2]],
];
