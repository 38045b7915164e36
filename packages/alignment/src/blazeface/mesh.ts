import { FACE_MESH_POINTS, FACE_MESH_SIDE } from '@swinface/core/convolutional';
import {
  applySimilarity,
  type Box,
  centreOf,
  type FivePoints,
  invertSimilarity,
  type Point,
  type Similarity,
} from '@swinface/geometry';
import type { Detection } from './detections.js';

/** The mesh sees a square of this many times the longer side of the detection; MediaPipe's own value. */
const REACH = 1.5;
/** Landmarks around each eye whose mean is its centre: its corners, and the middles of its lids. */
const LEFT_EYE = [33, 133, 159, 145] as const;
const RIGHT_EYE = [362, 263, 386, 374] as const;
/** Nose tip and mouth corners. */
const NOSE = 4;
const MOUTH = [61, 291] as const;

/** Direction from the image-left to the image-right eye, in radians; 0 for a head upright in the picture. */
export const angleOf = ([x, y]: Point, [u, v]: Point): number => Math.atan2(v - y, u - x);

/**
 * From pixels of the picture to pixels of the mesh's square, in which the face stands upright.
 *
 * @param box of the face, in pixels of the picture
 * @param angle of the eyes, see {@link angleOf}
 */
export function meshTransform(box: Box, angle: number): Similarity {
  const scale = FACE_MESH_SIDE / (REACH * Math.max(box.width, box.height));
  const [a, b] = [scale * Math.cos(angle), -scale * Math.sin(angle)];
  const [x, y] = centreOf(box);
  return { a, b, tx: FACE_MESH_SIDE / 2 - (a * x - b * y), ty: FACE_MESH_SIDE / 2 - (b * x + a * y) };
}

/**
 * Landmarks in pixels of the picture.
 *
 * @param numbers the mesh's, x, y and z of each point in pixels of its square
 * @param toMesh as {@link meshTransform} gives it
 * @returns [468, 3]: x and y, and z in the same unit with the head's centre as origin, smaller nearer to the camera
 */
export function landmarksInPicture(numbers: Float32Array, toMesh: Similarity): Float32Array {
  const toPicture = invertSimilarity(toMesh);
  const scale = Math.hypot(toPicture.a, toPicture.b);
  const landmarks = new Float32Array(3 * FACE_MESH_POINTS);
  for (let i = 0; i < landmarks.length; i += 3) {
    const [x, y] = applySimilarity(toPicture, [Number(numbers[i]), Number(numbers[i + 1])]);
    landmarks.set([x, y, scale * Number(numbers[i + 2])], i);
  }
  return landmarks;
}

/** The five points of alignment among the mesh's landmarks [468, 3]. */
export function fivePointsOf(landmarks: Float32Array): FivePoints {
  const point = (i: number): Point => [Number(landmarks[3 * i]), Number(landmarks[3 * i + 1])];
  const mean = (indices: readonly number[]): Point => {
    const points = indices.map(point);
    return [
      points.reduce((sum, [x]) => sum + x, 0) / points.length,
      points.reduce((sum, [, y]) => sum + y, 0) / points.length,
    ];
  };
  return [mean(LEFT_EYE), mean(RIGHT_EYE), point(NOSE), point(MOUTH[0]), point(MOUTH[1])];
}

/**
 * Mean distance between the detector's eyes, nose and mouth and the mesh's, over the distance of the mesh's eyes. Faces
 * come out near 0.1; what only one of the two takes for a face is far apart.
 */
export function disagreement({ keypoints }: Pick<Detection, 'keypoints'>, points: FivePoints): number {
  const [left, right, nose, [x, y], [u, v]] = points;
  const mouth: Point = [(x + u) / 2, (y + v) / 2];
  const distances = [left, right, nose, mouth].map(([px, py], i) => {
    const [qx, qy] = keypoints[i] ?? [Number.NaN, Number.NaN];
    return Math.hypot(px - qx, py - qy);
  });
  const eyes = Math.hypot(right[0] - left[0], right[1] - left[1]);
  return distances.reduce((sum, distance) => sum + distance, 0) / distances.length / eyes;
}
