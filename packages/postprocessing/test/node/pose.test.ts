import { InvalidInputError } from '@swinface/core';
import { headPose } from '@swinface/postprocessing';
import { describe, expect, it } from 'vitest';

type Vector = [number, number, number];

/** A symmetric head in centimetres; x to the image's right, y down, z away from the camera. Index: MediaPipe's. */
const MESH: Readonly<Record<number, Vector>> = {
  10: [0, -8.26, -4.48],
  152: [0, 9.4, -4.48],
  33: [-4.45, -2.66, -3.17],
  263: [4.45, -2.66, -3.17],
  133: [-1.86, -2.59, -3.76],
  362: [1.86, -2.59, -3.76],
  129: [-1.67, 0.98, -4.85],
  358: [1.67, 0.98, -4.85],
  61: [-2.46, 4.34, -4.28],
  291: [2.46, 4.34, -4.28],
  127: [-7.66, -0.67, 2.43],
  356: [7.66, -0.67, 2.43],
  234: [-7.74, -2.36, 2.0],
  454: [7.74, -2.36, 2.0],
  132: [-7.16, 0.81, 0.07],
  361: [7.16, 0.81, 0.07],
};
/** Eyes, nose tip, mouth corners of an average face. */
const FIVE: readonly Vector[] = [
  [-3.18, -2.63, -3.83],
  [3.18, -2.63, -3.83],
  [0, 0.9, -8.5],
  [-2.46, 4.34, -4.28],
  [2.46, 4.34, -4.28],
];

const turn = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)] as const;

/** Turns a point as the documentation says: roll clockwise in the image first, then the nose up, then to the right. */
function turned([x, y, z]: Vector, yaw: number, pitch: number, roll: number): Vector {
  const [cr, sr] = turn(roll);
  [x, y] = [cr * x - sr * y, sr * x + cr * y];
  const [cp, sp] = turn(pitch);
  [y, z] = [cp * y + sp * z, cp * z - sp * y];
  const [cy, sy] = turn(yaw);
  [x, z] = [cy * x - sy * z, sy * x + cy * z];
  return [x, y, z];
}

/** In pixels of an image: scaled and shifted. */
const placed = ([x, y, z]: Vector): Vector => [300 + 17 * x, 200 + 17 * y, 17 * z];

function mesh(yaw: number, pitch: number, roll: number) {
  const landmarks = new Float32Array(478 * 3);
  for (const [index, point] of Object.entries(MESH)) {
    landmarks.set(placed(turned(point, yaw, pitch, roll)), 3 * Number(index));
  }
  return { points: [], landmarks, landmarkModel: 'mediapipe-478' };
}

const five = (yaw: number, pitch: number, roll: number, face = FIVE) => ({
  points: face.map((point) => {
    const [x, y] = placed(turned(point, yaw, pitch, roll));
    return [x, y] as const;
  }),
});

const angles = [-60, -25, 0, 10, 45];
const poses = angles.flatMap((yaw) =>
  [-40, -10, 0, 30].flatMap((pitch) => [-170, -45, 0, 20, 90].map((roll) => [yaw, pitch, roll] as const)),
);

/** Degrees between two angles. */
const apart = (a: number, b: number) => Math.abs(((((a - b) % 360) + 540) % 360) - 180);

describe('headPose', () => {
  it('keeps the signs it documents', () => {
    // Worked out by hand: the nose tip is the point nearest to the camera.
    const nose = (yaw: number, pitch: number) => turned([0, 0, -1], yaw, pitch, 0);
    expect(nose(30, 0)[0]).toBeCloseTo(0.5, 12); // to the image's right
    expect(nose(0, 30)[1]).toBeCloseTo(-0.5, 12); // up in the image, whose y points down
    expect(turned([1, 0, 0], 0, 0, 90)[1]).toBeCloseTo(1, 12); // right turns down: clockwise
  });

  it('recovers every rotation from landmarks with depth', () => {
    for (const [yaw, pitch, roll] of poses) {
      const pose = headPose(mesh(yaw, pitch, roll));
      // float32 landmarks of a few hundred pixels carry about 2e-5 pixels.
      expect(Math.abs(pose.yaw - yaw), `${yaw} ${pitch} ${roll}`).toBeLessThan(1e-3);
      expect(Math.abs(pose.pitch - pitch), `${yaw} ${pitch} ${roll}`).toBeLessThan(1e-3);
      expect(apart(pose.roll, roll), `${yaw} ${pitch} ${roll}`).toBeLessThan(1e-3);
    }
  });

  it('recovers every rotation from five points of the average face', () => {
    for (const [yaw, pitch, roll] of poses) {
      const pose = headPose(five(yaw, pitch, roll));
      // Exact input; what remains is where the iteration stops.
      expect(Math.abs(pose.yaw - yaw), `${yaw} ${pitch} ${roll}`).toBeLessThan(1e-2);
      expect(Math.abs(pose.pitch - pitch), `${yaw} ${pitch} ${roll}`).toBeLessThan(1e-2);
      expect(apart(pose.roll, roll), `${yaw} ${pitch} ${roll}`).toBeLessThan(1e-2);
    }
  });

  it('bears with a face that is not average and points that are off', () => {
    // A nose 10 % shorter and points up to half a pixel off at an eye distance of 108 pixels.
    const face = FIVE.map(([x, y, z], i): Vector => (i === 2 ? [x, y, z + 0.56] : [x, y, z]));
    for (const [yaw, pitch, roll] of poses) {
      const { points } = five(yaw, pitch, roll, face);
      const noisy = points.map(([x, y], i) => [x + 0.5 * Math.sin(7 * i), y + 0.5 * Math.cos(5 * i)] as const);
      const pose = headPose({ points: noisy });
      expect(Math.abs(pose.yaw - yaw), `${yaw} ${pitch} ${roll}`).toBeLessThan(12);
      expect(Math.abs(pose.pitch - pitch), `${yaw} ${pitch} ${roll}`).toBeLessThan(12);
      expect(apart(pose.roll, roll), `${yaw} ${pitch} ${roll}`).toBeLessThan(12);
    }
  });

  it('uses the five points of models without depth', () => {
    const landmarks = new Float32Array(68 * 3);
    const pose = headPose({ ...five(20, 10, 0), landmarks, landmarkModel: 'face-api-68' });
    expect(pose.yaw).toBeCloseTo(20, 1);
  });

  it('gives zero for the template of aligned crops, up to its own asymmetry', () => {
    const template = [
      [38.2946, 51.6963],
      [73.5318, 51.5014],
      [56.0252, 71.7366],
      [41.5493, 92.3655],
      [70.7299, 92.2041],
    ] as const;
    const pose = headPose({ points: template });
    expect(Math.abs(pose.yaw)).toBeLessThan(3);
    expect(Math.abs(pose.pitch)).toBeLessThan(3);
    expect(Math.abs(pose.roll)).toBeLessThan(1);
  });

  it('refuses landmarks that tell nothing', () => {
    const points = five(0, 0, 0).points;
    expect(() => headPose({ points: points.slice(1) })).toThrow(InvalidInputError);
    expect(() => headPose({ points: points.map(() => [5, 5] as const) })).toThrow(/coincide/);
    expect(() => headPose({ points: points.map(([x]) => [x, Number.NaN] as const) })).toThrow(InvalidInputError);
    const landmarkModel = 'mediapipe-478';
    expect(() => headPose({ points, landmarks: new Float32Array(468 * 3), landmarkModel })).toThrow(/478 x 3/);
    expect(() => headPose({ points, landmarks: new Float32Array(478 * 3), landmarkModel })).toThrow(InvalidInputError);
    const nan = new Float32Array(478 * 3).fill(Number.NaN);
    expect(() => headPose({ points, landmarks: nan, landmarkModel })).toThrow(InvalidInputError);
  });

  it('gives finite angles even for points on a line', () => {
    const line = [0, 1, 2, 3, 4].map((i) => [10 * i, 5 * i] as const);
    const pose = headPose({ points: line });
    expect(Object.values(pose).every(Number.isFinite)).toBe(true);
  });
});
