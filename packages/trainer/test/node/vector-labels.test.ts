import type { FivePoints } from '@swinface/geometry';
import { describe, expect, it } from 'vitest';
import { Augmenter, NO_AUGMENTATION } from '../../src/data/augment.js';
import { ARCFACE_CROP, cropFace } from '../../src/data/crop.js';
import { Random } from '../../src/data/random.js';
import { placeLandmarks, VectorLabels } from '../../src/data/vector-labels.js';
import { LANDMARKS } from '../../src/tasks/heads.js';
import { LANDMARK_INDICES, MIRRORED_LANDMARKS } from '../../src/tasks/landmarks.js';

describe('the chosen landmarks', () => {
  it('are 72 different ones', () => {
    expect(new Set(LANDMARK_INDICES).size).toBe(LANDMARKS);
    expect(Math.max(...LANDMARK_INDICES)).toBeLessThan(478);
  });

  it('come back when mirrored twice', () => {
    expect(MIRRORED_LANDMARKS).toHaveLength(LANDMARKS);
    for (const [from, to] of MIRRORED_LANDMARKS.entries()) expect(MIRRORED_LANDMARKS[to]).toBe(from);
  });
});

describe('placeLandmarks', () => {
  const points: FivePoints = [
    [70, 80],
    [112, 86],
    [90, 110],
    [70, 128],
    [104, 133],
  ];
  const [x, y] = [98, 101];
  /** A soft spot around (x, y), so that its centre of mass can be measured between pixels. */
  const size = { width: 180, height: 200 };
  const data = Uint8Array.from({ length: size.width * size.height }, (_, i) => {
    const square = ((i % size.width) + 0.5 - x) ** 2 + (Math.floor(i / size.width) + 0.5 - y) ** 2;
    return Math.round(255 * Math.exp(-square / 18));
  });
  const geometry = { ...ARCFACE_CROP, channels: 1 } as const;
  const crop = cropFace({ ...size, pixels: { ...size, data } }, points, geometry);
  const landmarks = Array.from({ length: LANDMARKS }, () => [x, y]).flat();

  it.each([0, 1])('follows turn, zoom, shift and mirror (%d) of the picture', (flip) => {
    for (let seed = 0; seed < 8; seed++) {
      const image = new Float32Array(3 * 112 * 112);
      const varied = { ...NO_AUGMENTATION, zoom: [0.8, 1.2] as const, rotation: 15, shift: 8, flip };
      const placement = new Augmenter().apply(crop, geometry, varied, new Random(seed), image);
      let [mass, column, row] = [0, 0, 0];
      for (let i = 0; i < 112 * 112; i++) {
        const light = (image[i] ?? 0) + 1;
        mass += light;
        column += light * ((i % 112) + 0.5);
        row += light * (Math.floor(i / 112) + 0.5);
      }
      const [u = 0, v = 0] = placeLandmarks(landmarks, points, geometry, placement);
      // The spot is rounded to 8 bits twice: a twentieth of a pixel.
      expect(Math.abs(u * 56 + 56 - column / mass)).toBeLessThan(0.05);
      expect(Math.abs(v * 56 + 56 - row / mass)).toBeLessThan(0.05);
    }
  });

  it('exchanges left and right where the face is mirrored', () => {
    const own = landmarks.slice();
    [own[0], own[1]] = [60, 100]; // the jaw's image-left end, which mirroring makes the image-right end
    const placement = { cos: 1, sin: 0, shiftX: 0, shiftY: 0, middle: 56 };
    const plain = placeLandmarks(own, points, geometry, { ...placement, mirror: 1 });
    const mirrored = placeLandmarks(own, points, geometry, { ...placement, mirror: -1 });
    const last = 2 * 16;
    // An upright face keeps its own; 38 pixels of the image apart from where the other landmarks lie.
    expect(Math.abs((plain[0] ?? 0) - (plain[2] ?? 0))).toBeGreaterThan(0.3);
    expect(plain[last]).toBe(plain[2]);
    expect(mirrored[last]).toBeCloseTo(-(plain[0] ?? 0), 6);
    expect(mirrored[last + 1]).toBeCloseTo(plain[1] ?? 0, 6);
  });
});

it('a batch knows which faces have labels', () => {
  const labels = new VectorLabels(3, 2);
  labels.set(1, [0.25, 0.5]);
  expect([...labels.target]).toEqual([0, 0, 0.25, 0.5, 0, 0]);
  expect([...labels.weight]).toEqual([0, 1, 0]);
});
