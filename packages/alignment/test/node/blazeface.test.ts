import { BLAZEFACE_BOX, FACE_MESH_POINTS, FACE_MESH_SIDE } from '@swinface/core/convolutional';
import { applySimilarity, type FivePoints, type Point } from '@swinface/geometry';
import { describe, expect, test } from 'vitest';
import { decodeDetections, mergeDetections } from '../../src/blazeface/detections.js';
import { angleOf, disagreement, fivePointsOf, landmarksInPicture, meshTransform } from '../../src/blazeface/mesh.js';

/** One level of `side` x `side` cells with `anchors` each, silent but for one anchor. */
function level(side: number, anchors: number, anchor: number, logit: number, numbers: readonly number[]) {
  const count = side * side * anchors;
  const scores = new Float32Array(count).fill(-20);
  const boxes = new Float32Array(count * BLAZEFACE_BOX);
  scores[anchor] = logit;
  boxes.set(numbers, anchor * BLAZEFACE_BOX);
  return { scores, boxes };
}

describe('decodeDetections', () => {
  test('full range: offsets are from the centre of a cell of 4 pixels', () => {
    // Row 10, column 20: centre (82, 42).
    const numbers = [1, -2, 8, 12, 3, 4, -5, 6];
    const [face, ...others] = decodeDetections('full', [level(48, 1, 10 * 48 + 20, Math.log(3), numbers)], 0.5);
    expect(others).toEqual([]);
    expect(face?.score).toBeCloseTo(0.75);
    expect(face?.box).toEqual({ x: 82 + 1 - 4, y: 42 - 2 - 6, width: 8, height: 12 });
    expect(face?.keypoints.slice(0, 2)).toEqual([
      [85, 46],
      [77, 48],
    ]);
    expect(face?.keypoints).toHaveLength(6);
  });

  test('short range: two anchors at each of 16 x 16 places, then six at each of 8 x 8', () => {
    const silent = level(16, 2, 0, -20, []);
    const coarse = level(8, 6, (3 * 8 + 5) * 6 + 4, 5, [0, 0, 40, 40]);
    const [face] = decodeDetections('short', [silent, coarse], 0.5);
    expect(face?.box).toEqual({ x: 5.5 * 16 - 20, y: 3.5 * 16 - 20, width: 40, height: 40 });
    const fine = level(16, 2, (1 * 16 + 2) * 2 + 1, 5, [0, 0, 10, 10]);
    const [other] = decodeDetections('short', [fine, level(8, 6, 0, -20, [])], 0.5);
    expect(other?.box).toEqual({ x: 2.5 * 8 - 5, y: 1.5 * 8 - 5, width: 10, height: 10 });
  });

  test('leaves out what is below the score, and boxes without an area', () => {
    const below = level(48, 1, 7, Math.log(0.49 / 0.51), [0, 0, 8, 8]);
    expect(decodeDetections('full', [below], 0.5)).toEqual([]);
    expect(decodeDetections('full', [level(48, 1, 7, 3, [0, 0, -8, 8])], 0.5)).toEqual([]);
    expect(decodeDetections('full', [level(48, 1, 7, Number.NaN, [0, 0, 8, 8])], 0.5)).toEqual([]);
  });
});

test('mergeDetections averages what overlaps by score, and leaves others alone', () => {
  const at = (x: number, score: number) => ({
    box: { x, y: 0, width: 10, height: 10 },
    score,
    keypoints: [[x, x] as const],
  });
  const merged = mergeDetections([at(0, 0.6), at(50, 0.7), at(2, 0.9)]);
  expect(merged).toHaveLength(2);
  expect(merged[0]?.score).toBe(0.9);
  expect(merged[0]?.box.x).toBeCloseTo(1.8 / 1.5, 12);
  expect(merged[0]?.keypoints[0]?.[1]).toBeCloseTo(1.2, 12);
  expect(merged[1]?.box.x).toBe(50);
});

describe('the mesh', () => {
  test.each([0, 30, 90, 120, 180, -135])(
    'sees a head turned by %i degrees upright, and its points come back',
    (degrees) => {
      const angle = (degrees * Math.PI) / 180;
      const turn = ([x, y]: Point): Point => [
        300 + x * Math.cos(angle) - y * Math.sin(angle),
        200 + x * Math.sin(angle) + y * Math.cos(angle),
      ];
      // A head of 100 pixels: eyes above its centre, chin below.
      const [left, right, chin] = [turn([-20, -10]), turn([20, -10]), turn([0, 45])];
      expect(Math.cos(angleOf(left, right) - angle)).toBeCloseTo(1, 12);
      const transform = meshTransform({ x: 250, y: 150, width: 100, height: 100 }, angleOf(left, right));
      const [a, b, c] = [left, right, chin].map((point) => applySimilarity(transform, point));
      const scale = FACE_MESH_SIDE / 150;
      expect(a?.[0]).toBeCloseTo(96 - 20 * scale, 6);
      expect(a?.[1]).toBeCloseTo(96 - 10 * scale, 6);
      expect(b?.[1]).toBeCloseTo(96 - 10 * scale, 6);
      expect(c?.[1]).toBeCloseTo(96 + 45 * scale, 6);

      const numbers = new Float32Array(3 * FACE_MESH_POINTS);
      numbers.set([c?.[0] ?? 0, c?.[1] ?? 0, 10 * scale], 3 * 4);
      const landmarks = landmarksInPicture(numbers, transform);
      expect(landmarks[12]).toBeCloseTo(chin[0], 3);
      expect(landmarks[13]).toBeCloseTo(chin[1], 3);
      expect(landmarks[14]).toBeCloseTo(10, 4);
      expect(fivePointsOf(landmarks)[2]).toEqual([landmarks[12], landmarks[13]]);
    },
  );

  test('disagreement is the mean distance of eyes, nose and mouth over the distance of the eyes', () => {
    const points: FivePoints = [
      [0, 0],
      [40, 0],
      [20, 20],
      [5, 40],
      [35, 40],
    ];
    const keypoints: Point[] = [
      [0, 0],
      [40, 0],
      [20, 24],
      [20, 48],
      [-30, 10],
      [70, 10],
    ];
    expect(disagreement({ keypoints }, points)).toBeCloseTo((4 + 8) / 4 / 40, 12);
    const upsideDown: Point[] = [
      [40, 40],
      [0, 40],
      [20, 20],
      [20, 0],
      [70, 30],
      [-30, 30],
    ];
    expect(disagreement({ keypoints: upsideDown }, points)).toBeGreaterThan(0.8);
  });
});
