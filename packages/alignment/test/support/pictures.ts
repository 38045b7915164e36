import type { RgbaPixels } from '@swinface/alignment/warp';

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Random bytes: the hardest picture to sample right. */
export function noise(width: number, height: number, seed = 1): RgbaPixels {
  const random = seededRandom(seed);
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, () => Math.floor(256 * random()));
  for (let i = 3; i < data.length; i += 4) data[i] = 255;
  return { data, width, height };
}

/** Colour of pixel (x, y) in 0..255, 0 outside: what the warps promise. */
export function pixelAt({ data, width, height }: RgbaPixels, x: number, y: number, channel: number): number {
  return x < 0 || y < 0 || x >= width || y >= height ? 0 : (data[4 * (y * width + x) + channel] ?? 0);
}
