import { TILE_COLUMNS, TILE_ROWS } from './steps.js';

// The layouts of scratch memory in `assembly/product.ts` and `assembly/attention.ts`.
const HEADER = 320;
const PACKED_BLOCK = 196_608;
const FLOAT = 4;

const up = (count: number, step: number): number => Math.ceil(count / step) * step;

/** Bytes of scratch memory that a product of `k` inputs needs. */
export const productScratch = (k: number): number =>
  HEADER + Math.max(PACKED_BLOCK, k * TILE_ROWS * FLOAT) + k * TILE_ROWS * FLOAT;

/** Bytes of scratch memory that a window of `area` tokens with heads of `width` channels needs. */
export function attentionScratch(area: number, width: number): number {
  const rows = up(area, TILE_ROWS);
  const columns = up(area, TILE_COLUMNS);
  const channels = up(width, TILE_COLUMNS);
  return HEADER + FLOAT * (rows * Math.max(width, columns) + columns * width + columns * channels + rows * columns);
}
