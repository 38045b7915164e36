import type { Raster } from '@swinface/geometry/warp';

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
export function noise(width: number, height: number, seed = 1): Raster {
  const random = seededRandom(seed);
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, () => Math.floor(256 * random()));
  for (let i = 3; i < data.length; i += 4) data[i] = 255;
  return { data, width, height };
}

/** Colour of pixel (x, y) in 0..255; outside, the picture mirrored at its edge: what the warps promise. */
export function pixelAt({ data, width, height }: Raster, x: number, y: number, channel: number): number {
  let [column, row] = [x, y];
  while (column < 0 || column >= width) column = column < 0 ? -1 - column : 2 * width - 1 - column;
  while (row < 0 || row >= height) row = row < 0 ? -1 - row : 2 * height - 1 - row;
  return data[4 * (row * width + column) + channel] ?? Number.NaN;
}
