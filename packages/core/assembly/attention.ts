/**
 * softmax(q k^T d^-0.5 + bias) v inside (shifted) windows. One item is one head of one window of one face; what the
 * partition and the shift move is read and written in place, by the tokens' order.
 */
import { exp, max4, sum4 } from './math';
import { interleave8 } from './pack';
import { COLUMN_STEP, COLUMNS, NONE, ROWS, tile } from './tile';

// Members of an attention's description, all i32.
const QKV = 0;
const Y = 4;
/** f32 [variants][heads][w*w][row], where rows are padded to whole tiles with -1e30 */
const BIAS = 8;
/** i32 [tokens], raster token of each place of the partitioned map */
const ORDER = 12;
/** i32 [windows], which variant of the bias each window takes */
const VARIANTS = 16;
const TOKENS = 20;
const WINDOWS = 24;
/** w*w */
const AREA = 28;
const HEADS = 32;
/** d, a multiple of four */
const WIDTH = 36;
/** Address of 8 zeros. */
const ZEROS = 40;
/** f32 d^-0.5 */
const SCALE = 44;

const COLUMN_ADDRESSES = 0;
const PARTIAL_TILE = 64;
const BUFFERS = 256;

/** Whole tiles of rows, and of columns, that cover `count`. */
function up(count: i32, step: i32): i32 {
  return ((count + step - 1) / step) * step;
}

/** Items `begin` .. `end` of faces x windows x heads. */
export function attention(p: usize, begin: i32, end: i32, scratch: usize): void {
  const qkv: usize = load<u32>(p, QKV);
  const output: usize = load<u32>(p, Y);
  const order: usize = load<u32>(p, ORDER);
  const zeros: usize = load<u32>(p, ZEROS);
  const tokens = load<i32>(p, TOKENS);
  const windows = load<i32>(p, WINDOWS);
  const area = load<i32>(p, AREA);
  const heads = load<i32>(p, HEADS);
  const width = load<i32>(p, WIDTH);
  const scale = load<f32>(p, SCALE);

  const channels = heads * width;
  const rows = up(area, ROWS);
  const columns = up(area, COLUMNS);
  const padded = up(width, COLUMNS);
  const table = scratch + BUFFERS;
  const keys = table + <usize>up(rows * 4, 16);
  const values = keys + <usize>(columns * width) * 4;
  const scores = values + <usize>(columns * padded) * 4;
  const addresses = scratch + COLUMN_ADDRESSES;
  const partial = scratch + PARTIAL_TILE;
  const scoreStride = <usize>columns * 4;

  for (let item = begin; item < end; item++) {
    const head = item % heads;
    const window = (item / heads) % windows;
    const face = item / heads / windows;
    const places = order + <usize>(window * area) * 4;
    const q = qkv + <usize>(face * tokens * 3 * channels + head * width) * 4;

    for (let row = 0; row < rows; row++) {
      const token = load<i32>(places + <usize>min(row, area - 1) * 4);
      store<u32>(table + <usize>row * 4, <u32>(q + <usize>(token * 3 * channels) * 4));
    }
    const k = q + <usize>channels * 4;
    for (let column = 0; column < columns; column += COLUMNS) {
      for (let i = 0; i < COLUMNS; i++) {
        const token = load<i32>(places + <usize>min(column + i, area - 1) * 4);
        store<u32>(addresses + (i << 2), <u32>(k + <usize>(token * 3 * channels) * 4));
      }
      interleave8(addresses, width, keys + <usize>(column * width) * 4);
    }
    const v = k + <usize>channels * 4;
    for (let i = 0; i < columns; i++) {
      const token = load<i32>(places + <usize>min(i, area - 1) * 4);
      const from = v + <usize>(token * 3 * channels) * 4;
      for (let c = 0; c < width; c += 4) {
        // [padded / 8][columns][8]
        const to = values + <usize>((c / COLUMNS) * columns * COLUMNS + i * COLUMNS + (c % COLUMNS)) * 4;
        v128.store(to, v128.load(from + <usize>c * 4));
      }
    }

    for (let row = 0; row < rows; row += ROWS) {
      for (let column = 0; column < columns; column += COLUMNS) {
        const to = scores + <usize>(row * columns + column) * 4;
        const b = keys + <usize>(column * width) * 4;
        tile(table + <usize>row * 4, 1, width, b, zeros, to, scoreStride, ROWS - 1, true, 0, 0, false, NONE, 0);
      }
    }

    const variant = load<i32>(<usize>load<u32>(p, VARIANTS) + <usize>window * 4);
    const bias = <usize>load<u32>(p, BIAS) + <usize>((variant * heads + head) * area) * scoreStride;
    for (let row = 0; row < area; row++) {
      softmax(scores + <usize>row * scoreStride, bias + <usize>row * scoreStride, columns, scale);
    }

    for (let row = 0; row < rows; row += ROWS) {
      for (let i = 0; i < ROWS; i++) {
        store<u32>(addresses + (i << 2), <u32>(scores + <usize>min(row + i, area - 1) * scoreStride));
      }
      for (let c = 0; c < width; c += COLUMNS) {
        const b = values + <usize>(c * columns) * 4;
        tile(addresses, 1, columns, b, zeros, partial, COLUMN_STEP, ROWS - 1, true, 0, 0, false, NONE, 0);
        for (let i = 0; i < min(ROWS, area - row); i++) {
          const token = load<i32>(places + <usize>(row + i) * 4);
          const to = output + <usize>((face * tokens + token) * channels + head * width + c) * 4;
          v128.store(to, v128.load(partial + <usize>(i * COLUMN_STEP)));
          if (c + 4 < width) v128.store(to, v128.load(partial + <usize>(i * COLUMN_STEP), 16), 16);
        }
      }
    }
  }
}

/** In place: softmax of x * scale + bias. */
function softmax(x: usize, bias: usize, width: i32, scale: f32): void {
  const bytes = <usize>width * 4;
  const factor = f32x4.splat(scale);
  let largest = f32x4.splat(-1e30);
  for (let i: usize = 0; i < bytes; i += 16) {
    const s = f32x4.add(f32x4.mul(v128.load(x + i), factor), v128.load(bias + i));
    v128.store(x + i, s);
    largest = f32x4.max(largest, s);
  }
  const top = f32x4.splat(max4(largest));
  let total = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    const e = exp(f32x4.sub(v128.load(x + i), top));
    v128.store(x + i, e);
    total = f32x4.add(total, e);
  }
  const inverse = f32x4.splat(<f32>1 / sum4(total));
  for (let i: usize = 0; i < bytes; i += 16) v128.store(x + i, f32x4.mul(v128.load(x + i), inverse));
}
