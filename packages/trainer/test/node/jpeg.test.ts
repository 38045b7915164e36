import sharp from 'sharp';
import { expect, test } from 'vitest';
import { compress } from '../../src/data/jpeg.js';
import { Random } from '../../src/data/random.js';

const SIDE = 112;
const AREA = SIDE * SIDE;

/** Smooth colours, an edge and a little noise. */
function picture(): Float32Array {
  const random = new Random(3);
  return Float32Array.from({ length: 3 * AREA }, (_, i) => {
    const [plane, x, y] = [Math.floor(i / AREA), i % SIDE, Math.floor(i / SIDE) % SIDE];
    const wave = 128 + 60 * Math.sin((x + 10 * plane) / 9) * Math.cos(y / (11 + 2 * plane));
    return Math.round(Math.max(0, Math.min(255, wave + (x + y > 130 ? 30 : 0) + random.uniform(-6, 6))));
  });
}

test.each([15, 40, 75])('is what a JPEG encoder of quality %d does', async (quality) => {
  const image = picture();
  const interleaved = Uint8Array.from({ length: 3 * AREA }, (_, i) => image[(i % 3) * AREA + Math.floor(i / 3)] ?? 0);
  const encoded = await sharp(interleaved, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: '4:4:4', optimiseScans: false, trellisQuantisation: false, mozjpeg: false })
    .toBuffer();
  const decoded = await sharp(encoded).raw().toBuffer();
  const original = image.slice();
  compress(image, quality);
  const distance = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
    return Math.sqrt(sum / a.length);
  };
  const planar = Float32Array.from({ length: 3 * AREA }, (_, i) => decoded[(i % AREA) * 3 + Math.floor(i / AREA)] ?? 0);
  // The encoder rounds its planes to integers and clips, which this does not: a level and a half at most on average.
  expect(distance(image, planar)).toBeLessThan(1.5);
  // And it does lose something: several times what separates the two.
  expect(distance(original, planar)).toBeGreaterThan(2 * distance(image, planar));
});

test('leaves a flat picture of a quantized level alone', () => {
  const image = new Float32Array(3 * AREA).fill(128);
  compress(image, 50);
  expect(image.every((value) => Math.abs(value - 128) < 1e-3)).toBe(true);
});
