import { expect, test } from 'vitest';
import { placeLabels, type Rect } from '../../src/results/labels.js';

const FRAME = { width: 640, height: 480 };
const LABEL = { width: 60, height: 22 };
const box = (x: number, y: number, width = 100, height = 120): Rect => ({ x, y, width, height });
const place = (faces: readonly Rect[], label = LABEL) =>
  placeLabels(
    faces,
    faces.map(() => label),
    FRAME,
    5,
  );

const overlaps = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

test('a face by itself has its label above it, at its left edge', () => {
  expect(place([box(200, 200)])).toEqual([{ x: 200, y: 173, ...LABEL }]);
});

test('at an edge the label stays in the frame, and off the face where there is room', () => {
  const faces = [box(-30, -20), box(600, 100), box(300, -10), box(100, 400)];
  for (const face of faces) {
    const [label] = place([face]);
    if (!label) throw new TypeError('no label');
    expect(label.x).toBeGreaterThanOrEqual(0);
    expect(label.y).toBeGreaterThanOrEqual(0);
    expect(label.x + label.width).toBeLessThanOrEqual(FRAME.width);
    expect(label.y + label.height).toBeLessThanOrEqual(FRAME.height);
    expect(overlaps(label, face)).toBe(false);
  }
});

test('a face that fills the frame has its label within', () => {
  const [label] = place([box(0, 0, 640, 480)]);
  expect(label?.x).toBeGreaterThanOrEqual(0);
  expect((label?.y ?? Number.NaN) + LABEL.height).toBeLessThanOrEqual(480);
});

test('two faces close together: neither label covers the other, nor a face', () => {
  for (const second of [box(210, 205), box(290, 200), box(200, 330), box(240, 140, 60, 50)]) {
    const faces = [box(200, 200), second];
    const [a, b] = place(faces, { width: 150, height: 22 });
    if (!a || !b) throw new TypeError('no labels');
    expect(overlaps(a, b)).toBe(false);
    for (const face of faces) for (const label of [a, b]) expect(overlaps(face, label)).toBe(false);
  }
});

test('in crowds no label covers another', () => {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let round = 0; round < 50; round += 1) {
    const faces = Array.from({ length: 12 }, () => box(580 * random(), 420 * random(), 60, 70));
    const labels = place(faces);
    labels.forEach((a, i) => {
      for (const b of labels.slice(i + 1)) expect(overlaps(a, b), `round ${round}`).toBe(false);
      expect(a.x >= 0 && a.y >= 0 && a.x + a.width <= 640 && a.y + a.height <= 480).toBe(true);
    });
  }
});
