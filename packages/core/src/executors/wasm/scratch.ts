import { TILE_COLUMNS, TILE_ROWS } from './steps.js';

// The layouts of scratch memory in `assembly/product.ts` and `assembly/attention.ts`.
const HEADER = 256;
const TABLE = 49_152;
const BLOCK = 196_608;
const VECTOR = 16;
const FLOAT = 4;

const up = (count: number, step: number): number => Math.ceil(count / step) * step;

/** Bytes of scratch memory that a product needs whose windows have `taps` tokens of `k` inputs. */
export const productScratch = (taps: number, k: number): number =>
  HEADER + Math.max(TABLE, taps * TILE_ROWS * FLOAT) + Math.max(BLOCK, k * TILE_ROWS * FLOAT) + VECTOR;

/** Bytes of scratch memory that a window of `area` tokens with heads of `width` channels needs. */
export function attentionScratch(area: number, width: number): number {
  const rows = up(area, TILE_ROWS);
  const columns = up(area, TILE_COLUMNS);
  const channels = up(width, TILE_COLUMNS);
  return HEADER + up(rows * FLOAT, VECTOR) + FLOAT * (columns * width + columns * channels + rows * columns);
}
