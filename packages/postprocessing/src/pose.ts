/**
 * Head pose from landmarks.
 *
 * Camera axes: x to the image's right, y down, z away from the viewer. A head that looks straight into an upright
 * camera has these very axes. R = Ry(yaw) Rx(pitch) Rz(roll): roll tilts the head in its own plane, then pitch and yaw
 * turn it, so yaw and pitch alone say where the nose points:
 *
 *   nose = (sin yaw cos pitch, -sin pitch, -cos yaw cos pitch)
 */
import { InvalidInputError } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { isObject, requireInput } from '@swinface/geometry';
import { requireVector } from './checked.js';
import { firstNonFinite } from './numeric.js';
import type { HeadPose } from './types.js';
import {
  add,
  axisVector,
  centred,
  cross,
  dotProduct,
  type Matrix,
  minus,
  scaled,
  solve,
  transposed,
  unit,
  type Vector,
} from './vector.js';

/** Landmarks as a locator gives them; every `Face` is one. */
export interface PoseLandmarks {
  /** Five points in pixels: image-left eye, image-right eye, nose tip, image-left and image-right mouth corner. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** [n, 3] x, y, z in pixels. */
  readonly landmarks?: Float32Array;
  /** Landmarks of `'mediapipe-478'` and `'mediapipe-468'` have depth and are used; of others only the five points are. */
  readonly landmarkModel?: string;
}

/**
 * Head pose in degrees, signs as documented at {@link HeadPose}.
 *
 * From MediaPipe's 478 or 468 landmarks, which have depth, the head's own axes are read directly. From five points the pose is
 * the one whose weak-perspective view of an average face lies nearest; as noses differ in length, expect it to be some
 * degrees off.
 *
 * @throws {InvalidInputError} if coordinates are not finite, coincide, or there are not five points
 */
export function headPose(face: PoseLandmarks): HeadPose {
  const isPoint = (point: unknown) => Array.isArray(point) && point.length >= 2;
  const hasPoints = isObject(face) && Array.isArray(face.points) && face.points.every(isPoint);
  requireInput(hasPoints, 'The face whose pose is asked for', 'an object with five points [x, y]', face);
  const { points, landmarks, landmarkModel } = face;
  if (landmarks !== undefined) requireVector('landmarks', landmarks);
  const meshSize = landmarkModel === undefined ? undefined : MESH_SIZES.get(landmarkModel);
  return meshSize !== undefined && landmarks ? poseFromMesh(landmarks, meshSize) : poseFromFivePoints(points);
}

// ---- from a mesh with depth ----

/** Points of MediaPipe's meshes, with irises and without: the first 468 are the same. */
const MESH_SIZES: ReadonlyMap<string, number> = new Map([
  ['mediapipe-478', 478],
  ['mediapipe-468', 468],
]);

/**
 * Landmarks that mirror each other, [image-left, image-right]: outer and inner eye corners, nose wings, mouth corners,
 * sides of the face at three heights.
 */
const MIRRORED = [
  [33, 263],
  [133, 362],
  [129, 358],
  [61, 291],
  [127, 356],
  [234, 454],
  [132, 361],
] as const;
const FOREHEAD = 10;
const CHIN = 152;

/**
 * A face is symmetric, so lines between mirrored landmarks run along its x axis whatever the depth of each pair; from
 * forehead to chin runs its y axis.
 */
function poseFromMesh(landmarks: Float32Array, size: number): HeadPose {
  if (landmarks.length !== size * 3) {
    throw new InvalidInputError(`These are not the landmarks of mediapipe-${size}.`, {
      expected: `${size} x 3 coordinates`,
      actual: String(landmarks.length),
    });
  }
  const between = (from: number, to: number): Vector => {
    const step = (axis: number) => at(landmarks, to * 3 + axis) - at(landmarks, from * 3 + axis);
    return [step(0), step(1), step(2)];
  };
  const across = MIRRORED.map(([left, right]) => between(left, right)).reduce(add);
  const right = unit(across);
  const down = between(FOREHEAD, CHIN);
  const below = unit(minus(down, scaled(right, dotProduct(right, down))));
  return poseOfAxes(right, below, cross(right, below));
}

// ---- from five points ----

/**
 * The five points on an average face, centimetres, in the axes above about an arbitrary origin: eye centres, nose tip
 * and mouth corners of MediaPipe's canonical face model (Apache-2.0), the nose tip 9 mm nearer and 4 mm lower. Cameras
 * stand close enough for the nose to loom; with that, the pose from either locator's five points is within 4 degrees
 * of MediaPipe's perspective fit of all landmarks, mean over 21 faces, instead of within 10.
 */
const MEAN_FACE: readonly Vector[] = [
  [-3.18, -2.63, -3.83],
  [3.18, -2.63, -3.83],
  [0, 0.9, -8.5],
  [-2.46, 4.34, -4.28],
  [2.46, 4.34, -4.28],
];

const CENTRED_FACE = centred(MEAN_FACE);
const MOST_STEPS = 30;

/** Least squares over rotation, scale and shift: a closed-form first guess, refined by damped Gauss-Newton. */
function poseFromFivePoints(points: PoseLandmarks['points']): HeadPose {
  const flat = points.flat();
  if (points.length !== MEAN_FACE.length || flat.length !== 10 || firstNonFinite(flat) >= 0) {
    throw new InvalidInputError('Head pose needs five points.', {
      expected: 'five [x, y] of finite numbers',
      actual: JSON.stringify(points),
    });
  }
  const seen = centred(points.map(([x, y]): Vector => [x, y, 0]));
  const size = Math.hypot(...seen.flat());
  if (!(size > 1e-6)) {
    throw new InvalidInputError('Head pose needs points that do not coincide.', { actual: JSON.stringify(points) });
  }
  const target = seen.map((point) => scaled(point, 1 / size));
  const [leftEye, rightEye] = target as [Vector, Vector];
  const level: Vector = [0, 0, Math.atan2(rightEye[1] - leftEye[1], rightEye[0] - leftEye[0])];
  // Points on a line leave the first guess undefined; the level frontal view is a start for those.
  const starts = [firstGuess(target), level].filter((angles) => firstNonFinite(angles) < 0);
  const best = starts.map((start) => refine(start, target)).reduce((a, b) => (b.error < a.error ? b : a));
  const [right, below] = rotation(best.angles);
  return poseOfAxes(right, below, cross(right, below));
}

/** The affine camera that fits best, made a scaled rotation by the symmetric choice of its two rows. */
function firstGuess(target: readonly Vector[]): Vector {
  const moments = [0, 1, 2].map((r) =>
    [0, 1, 2].map((c) => CENTRED_FACE.reduce((sum, point) => sum + at(point, r) * at(point, c), 0)),
  ) as unknown as Matrix;
  const row = (axis: 0 | 1): Vector => {
    const products = CENTRED_FACE.map((point, i) => scaled(point, at(target, i)[axis]));
    return unit(solve(moments, products.reduce(add)));
  };
  const [x, y] = [row(0), row(1)];
  const [sum, gap] = [unit(add(x, y)), unit(minus(x, y))];
  const [rowX, rowY] = [unit(add(sum, gap)), unit(minus(sum, gap))];
  return anglesOfAxes(...transposed([rowX, rowY, cross(rowX, rowY)]));
}

/** Target minus the best scaled view of the mean face at these angles, x and y of each point. */
function residuals(angles: Vector, target: readonly Vector[]): number[] {
  const [rowX, rowY] = transposed(rotation(angles));
  const view = CENTRED_FACE.map((point): Vector => [dotProduct(rowX, point), dotProduct(rowY, point), 0]);
  const overlap = view.reduce((sum, point, i) => sum + dotProduct(point, at(target, i)), 0);
  // A negative scale would be a view from behind through the head.
  const scale = Math.max(0, overlap) / view.reduce((sum, point) => sum + dotProduct(point, point), 0);
  return view.flatMap((point, i) => minus(at(target, i), scaled(point, scale)).slice(0, 2));
}

function refine(start: Vector, target: readonly Vector[]): { readonly angles: Vector; readonly error: number } {
  const NUDGE = 1e-6;
  const product = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, k) => sum + value * at(b, k), 0);
  let angles = start;
  let current = residuals(angles, target);
  let error = product(current, current);
  let damping = 1e-6;
  for (let i = 0; i < MOST_STEPS && damping < 1; i++) {
    const columns = [0, 1, 2].map((axis) => {
      const nudged = residuals(add(angles, axisVector(axis, NUDGE)), target);
      return nudged.map((value, k) => (value - at(current, k)) / NUDGE);
    });
    const normal = columns.map((a, r) =>
      columns.map((b, c) => product(a, b) + (r === c ? damping : 0)),
    ) as unknown as Matrix;
    const gradient = columns.map((column) => product(column, current)) as unknown as Vector;
    const next = minus(angles, solve(normal, gradient));
    const proposed = residuals(next, target);
    const gain = error - product(proposed, proposed);
    if (gain > 0) {
      [angles, current, error] = [next, proposed, error - gain];
      damping /= 10;
      if (gain < 1e-14) break;
    } else {
      damping *= 10;
    }
  }
  return { angles, error };
}

// ---- rotations ----

/** Where the head's x, y and z axes point in the camera's: the columns of Ry(yaw) Rx(pitch) Rz(roll), radians. */
function rotation([yaw, pitch, roll]: Vector): Matrix {
  const [cy, sy] = [Math.cos(yaw), Math.sin(yaw)];
  const [cp, sp] = [Math.cos(pitch), Math.sin(pitch)];
  const [cr, sr] = [Math.cos(roll), Math.sin(roll)];
  return [
    [cy * cr + sy * sp * sr, cp * sr, sy * cr - cy * sp * sr],
    [sy * sp * cr - cy * sr, cp * cr, -sy * sr - cy * sp * cr],
    [-sy * cp, sp, cy * cp],
  ];
}

/** Yaw, pitch, roll in radians of a head whose axes point this way: undoes `rotation`. */
function anglesOfAxes(right: Vector, below: Vector, inwards: Vector): Vector {
  return [
    Math.atan2(-inwards[0], inwards[2]),
    Math.asin(Math.min(1, Math.max(-1, inwards[1]))),
    Math.atan2(right[1], below[1]),
  ];
}

function poseOfAxes(right: Vector, below: Vector, inwards: Vector): HeadPose {
  const angles = anglesOfAxes(right, below, inwards);
  if (firstNonFinite(angles) >= 0) {
    throw new InvalidInputError('No head pose follows from these landmarks.', {
      expected: 'finite coordinates of a face, not all in one place',
    });
  }
  const [yaw, pitch, roll] = angles.map((angle) => (angle * 180) / Math.PI) as unknown as Vector;
  return { yaw, pitch, roll };
}
