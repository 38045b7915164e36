import { describe, expect, it } from 'vitest';
import { ARCFACE_CROP, cropToImage, type Pixels, warpCrop, writeInput } from '../../src/data/crop.js';
import { ARCFACE_TEMPLATE, estimateSimilarity, type FivePoints, invertSimilarity } from '../../src/data/similarity.js';

/** A horizontal or vertical ramp: bilinear interpolation must reproduce it exactly. */
const ramp = (width: number, height: number, value: (x: number, y: number) => number): Pixels => ({
  width,
  height,
  channels: 1,
  data: Uint8Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width))),
});

const moved = (angle: number, scale: number, tx: number, ty: number): FivePoints => {
  const [c, s] = [Math.cos(angle) * scale, Math.sin(angle) * scale];
  const map = ([x, y]: readonly [number, number]): [number, number] => [c * x - s * y + tx, s * x + c * y + ty];
  const [p0, p1, p2, p3, p4] = ARCFACE_TEMPLATE;
  return [map(p0), map(p1), map(p2), map(p3), map(p4)];
};

describe('estimateSimilarity', () => {
  it('recovers a known rotation, scale and shift', () => {
    const { a, b, tx, ty } = estimateSimilarity(ARCFACE_TEMPLATE, moved(0.4, 1.7, 12, -5));
    expect(a).toBeCloseTo(1.7 * Math.cos(0.4), 12);
    expect(b).toBeCloseTo(1.7 * Math.sin(0.4), 12);
    expect(tx).toBeCloseTo(12, 10);
    expect(ty).toBeCloseTo(-5, 10);
  });

  it('minimises the squared error where no transform fits exactly', () => {
    const to: FivePoints = [
      [30, 50],
      [80, 55],
      [50, 75],
      [40, 90],
      [75, 99],
    ];
    const best = estimateSimilarity(ARCFACE_TEMPLATE, to);
    const error = ({ a, b, tx, ty }: typeof best) =>
      ARCFACE_TEMPLATE.reduce((sum, [x, y], i) => {
        const [u, v] = to[i] ?? [0, 0];
        return sum + (a * x - b * y + tx - u) ** 2 + (b * x + a * y + ty - v) ** 2;
      }, 0);
    for (const key of ['a', 'b', 'tx', 'ty'] as const) {
      for (const step of [-1e-3, 1e-3])
        expect(error({ ...best, [key]: best[key] + step })).toBeGreaterThan(error(best));
    }
  });

  it('is undone by its inverse', () => {
    const s = estimateSimilarity(ARCFACE_TEMPLATE, moved(-1.2, 0.3, 100, 7));
    const back = invertSimilarity(s);
    const [x, y] = [s.a * 31 - s.b * 17 + s.tx, s.b * 31 + s.a * 17 + s.ty];
    expect(back.a * x - back.b * y + back.tx).toBeCloseTo(31, 9);
    expect(back.b * x + back.a * y + back.ty).toBeCloseTo(17, 9);
  });

  it('refuses points in one place', () => {
    const heap: FivePoints = [
      [3, 3],
      [3, 3],
      [3, 3],
      [3, 3],
      [3, 3],
    ];
    expect(() => estimateSimilarity(heap, ARCFACE_TEMPLATE)).toThrow(/not all in one place/);
  });
});

describe('warpCrop', () => {
  it('copies an image whose face already lies on the template', () => {
    const image = ramp(112, 112, (x, y) => (x * 7 + y * 13) % 256);
    expect(warpCrop(image, cropToImage(ARCFACE_TEMPLATE, ARCFACE_CROP), 112)).toEqual(image.data);
  });

  it('shows the template about its centre when zoomed out', () => {
    // 56 pixels at scale 1/2 show the whole template; pixel 0 covers template pixels 0 and 1.
    const image = ramp(112, 112, (x) => 2 * x);
    const crop = warpCrop(image, cropToImage(ARCFACE_TEMPLATE, { side: 56, scale: 0.5, channels: 1 }), 56);
    expect([...crop.subarray(0, 4)]).toEqual([1, 5, 9, 13]);
    expect(crop[55]).toBe(2 * 110 + 1);
  });

  it('follows rotation by a quarter turn', () => {
    const image = ramp(112, 112, (x, y) => x + y / 2);
    // The face lies on its side: the crop's x axis runs down the image.
    const crop = warpCrop(image, cropToImage(moved(Math.PI / 2, 1, 111, 0), ARCFACE_CROP), 112);
    for (const [x, y] of [
      [0, 0],
      [10, 90],
      [111, 111],
      [60, 3],
    ] as const) {
      expect(crop[y * 112 + x]).toBe(image.data[x * 112 + (111 - y)]);
    }
  });

  it('averages fine stripes instead of picking one of them', () => {
    const image = ramp(448, 448, (x) => (x % 2) * 200);
    const crop = warpCrop(image, cropToImage(moved(0, 4, 1.5, 1.5), ARCFACE_CROP), 112);
    // Four stripes a pixel, two of them bright: 100, within the error of four bilinear taps.
    for (const v of crop) expect(Math.abs(v - 100)).toBeLessThanOrEqual(1);
  });

  it('mirrors the image beyond its border', () => {
    const image = ramp(112, 112, (x) => 2 * x);
    const crop = warpCrop(image, cropToImage(moved(0, 1, -10, 0), ARCFACE_CROP), 112);
    expect([...crop.subarray(0, 12)]).toEqual([20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0, 2]);
  });
});

describe('writeInput', () => {
  it('writes planes in [-1, 1], mirrored when asked', () => {
    const crop = new Uint8Array(112 * 112 * 3);
    crop.set([0, 51, 255], 0);
    const out = new Float32Array(3 * 112 * 112 + 5);
    writeInput(crop, true, out, 5);
    const at = 5 + 111;
    expect([out[at], out[at + 12544], out[at + 25088]]).toEqual([-1, Math.fround(-0.6), 1]);
    expect(out[5]).toBe(-1);
  });
});
