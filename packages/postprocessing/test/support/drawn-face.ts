import type { Pixels } from '@swinface/postprocessing/quality';
import { Random } from './random.js';

const SIDE = 112;

/** A drawn face as in an aligned crop: head, hair, eyes, brows, nose, mouth and the grain of skin; luma about 40..230. */
export function drawnFace(skin = 170): Pixels {
  const random = new Random(7);
  const luma = Float64Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    const inside = (cx: number, cy: number, rx: number, ry: number) => ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1;
    const eye = [38, 74];
    let value = 110;
    if (inside(56, 60, 46, 58)) value = skin + 25 * Math.cos((x - 50) / 30) - 10;
    if (y < 18) value = 45;
    for (const cx of eye) {
      if (inside(cx, 52, 9, 5)) value = 225;
      if (inside(cx, 52, 4, 4)) value = 35;
      if (inside(cx - 1, 51, 1.5, 1.5)) value = 235;
      if (Math.abs(y - 41) < 2 && Math.abs(x - cx) < 11) value = 60;
    }
    if (inside(51, 74, 2, 1.5) || inside(61, 74, 2, 1.5)) value = 50;
    if (Math.abs(x - 60) < 1.5 && y > 50 && y < 72) value -= 25;
    if (inside(56, 92, 17, 5)) value = 110;
    if (Math.abs(y - 92) < 1 && Math.abs(x - 56) < 16) value = 50;
    return value + 5 * random.normal();
  });
  return tinted(luma);
}

/** These values in the colours of skin. */
const tinted = (luma: Float64Array): Pixels => {
  const channels = [1.1, 0.95, 0.8];
  const data = Array.from({ length: 4 * luma.length }, (_, i) => (luma[i >> 2] as number) * (channels[i % 4] ?? 0));
  return opaque(data);
};

const opaque = (data: readonly number[]): Pixels => ({
  width: SIDE,
  height: SIDE,
  data: Uint8ClampedArray.from(data, (value, i) => (i % 4 === 3 ? 255 : value)),
});

/** Every channel of every pixel through a function. */
export const relit = ({ data }: Pixels, change: (value: number) => number): Pixels =>
  opaque(Array.from(data).map(change));

/** Gaussian blur, edges repeated. */
export function blurred(picture: Pixels, sigma: number): Pixels {
  if (sigma === 0) return picture;
  const radius = Math.ceil(3 * sigma);
  const kernel = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  const at = (value: number) => Math.min(SIDE - 1, Math.max(0, value));
  const pass = (source: readonly number[], stepX: number, stepY: number) =>
    source.map((_, i) => {
      const [x, y] = [(i >> 2) % SIDE, Math.floor((i >> 2) / SIDE)];
      return kernel.reduce((sum, weight, k) => {
        const by = k - radius;
        return (
          sum + (weight / total) * (source[4 * (at(y + by * stepY) * SIDE + at(x + by * stepX)) + (i % 4)] as number)
        );
      }, 0);
    });
  return opaque(pass(pass(Array.from(picture.data), 1, 0), 0, 1));
}
