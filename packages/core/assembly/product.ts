/**
 * Matrix products with everything that stands around them:
 * y = act(load(x) W + bias) + residual, where `load` reads plain rows, normalised rows, merged 2x2 patches, 3x3
 * neighbourhoods or image patches. Scale and shift of a LayerNorm before it are in the weights already.
 */
import { gelu, normalizeRow } from './math';
import { clear, copy, interleave6 } from './pack';
import { COLUMN_STEP, COLUMNS, ROW_STEP, ROWS, tile } from './tile';

// Members of a product's description, all i32; addresses in bytes, sizes in elements.
const X = 0;
/** [ceil(n / 8)][k][8] for each subnet */
const WEIGHT = 4;
/** n rounded up to 8 for each subnet */
const BIAS = 8;
/** 0 for none */
const RESIDUAL = 12;
const Y = 16;
const K = 20;
const N = 24;
/** Rows of one face. */
const TOKENS = 28;
const LOAD = 32;
const NORMALIZE = 36;
const ACTIVATION = 40;
/** Side and channels of the map that a load pattern reads. */
const SIDE = 44;
const CHANNELS = 48;
/** Elements from one row of y to the next. */
const Y_STRIDE = 52;
/** Addresses of i32 [n], where in a row of y each column goes; 0 for one after another. */
const COLUMN_OFFSETS = 56;
/** Elements from one subnet to the next. */
const X_SUBNET = 60;
const Y_SUBNET = 64;

const LOAD_ROWS = 0;
const LOAD_MERGED = 1;
const LOAD_NEIGHBOURS = 2;
const LOAD_PATCHES = 3;

const RELU = 1;
const GELU = 2;

/** Bytes of packed rows at a time: they stay in the second-level cache while all columns pass. */
const BLOCK: i32 = 196_608;

// Layout of a thread's scratch memory: then BLOCK bytes, or one tile if that is more, and six rows. See `src/wasm/scratch.ts`.
const ROW_ADDRESSES = 0;
const PARTIAL_TILE = 64;
const PACKED = 320;

/** Makes row `row` contiguous at `to` where it is not, and gives its address. */
function loadRow(p: usize, x: usize, row: i32, to: usize): usize {
  const kind = load<i32>(p, LOAD);
  const k = load<i32>(p, K);
  if (kind == LOAD_ROWS) return x + <usize>(row * k) * 4;
  const side = load<i32>(p, SIDE);
  const channels = load<i32>(p, CHANNELS);
  const tokens = load<i32>(p, TOKENS);
  const face = row / tokens;
  const token = row % tokens;
  if (kind == LOAD_MERGED) {
    // The pixels (0,0), (1,0), (0,1), (1,1) (row, column) of each 2x2.
    const half = side >> 1;
    const corner = face * side * side + ((token / half) * side + (token % half)) * 2;
    for (let part = 0; part < 4; part++) {
      const from = corner + (part & 1) * side + (part >> 1);
      copy(x + <usize>(from * channels) * 4, to + <usize>(part * channels) * 4, channels);
    }
    return to;
  }
  if (kind == LOAD_NEIGHBOURS) {
    const row0 = token / side - 1;
    const column0 = (token % side) - 1;
    let target = to;
    for (let dy = 0; dy < 3; dy++) {
      for (let dx = 0; dx < 3; dx++) {
        const r = row0 + dy;
        const c = column0 + dx;
        if (r < 0 || r >= side || c < 0 || c >= side) clear(target, channels);
        else copy(x + <usize>((face * tokens + r * side + c) * channels) * 4, target, channels);
        target += <usize>channels * 4;
      }
    }
    return to;
  }
  // LOAD_PATCHES: `channels` colour planes of `side` squared pixels, patches of 2x2.
  const across = side >> 1;
  let target = to;
  for (let colour = 0; colour < channels; colour++) {
    for (let dy = 0; dy < 2; dy++) {
      const pixel = ((face * channels + colour) * side + (token / across) * 2 + dy) * side + (token % across) * 2;
      store<u64>(target, load<u64>(x + <usize>pixel * 4));
      target += 8;
    }
  }
  return to;
}

/** Packs the six rows from `row`; rows from `rows` on do not exist and read as the last one. */
function packRows(p: usize, x: usize, row: i32, rows: i32, to: usize, spare: usize, scratch: usize): void {
  const k = load<i32>(p, K);
  const normalize = load<i32>(p, NORMALIZE);
  for (let i = 0; i < ROWS; i++) {
    const own = spare + <usize>(i * k) * 4;
    let address = loadRow(p, x, min(row + i, rows - 1), own);
    if (normalize) {
      normalizeRow(address, k, own);
      address = own;
    }
    store<u32>(scratch + ROW_ADDRESSES + (i << 2), <u32>address);
  }
  interleave6(scratch + ROW_ADDRESSES, k, to);
}

/** Activation and residual of 8 numbers at c. */
function finish(c: usize, residual: usize, activation: i32): void {
  let a = v128.load(c);
  let b = v128.load(c, 16);
  if (activation == GELU) {
    a = gelu(a);
    b = gelu(b);
  } else if (activation == RELU) {
    a = f32x4.max(a, f32x4.splat(0));
    b = f32x4.max(b, f32x4.splat(0));
  }
  if (residual) {
    a = f32x4.add(a, v128.load(residual));
    b = f32x4.add(b, v128.load(residual, 16));
  }
  v128.store(c, a);
  v128.store(c, b, 16);
}

/** Writes what there is of a tile that the edge of y cuts off, or whose columns are scattered. */
function scatter(p: usize, from: usize, y: usize, residual: usize, row: i32, rows: i32, column: i32): void {
  const n = load<i32>(p, N);
  const stride = load<i32>(p, Y_STRIDE);
  const offsets: usize = load<u32>(p, COLUMN_OFFSETS);
  const lastRow = min(rows - row, ROWS);
  const lastColumn = min(n - column, COLUMNS);
  for (let c = 0; c < lastColumn; c++) {
    const place = offsets ? load<i32>(offsets + <usize>(column + c) * 4) : column + c;
    for (let r = 0; r < lastRow; r++) {
      const at = <usize>((row + r) * stride + place) * 4;
      let value = load<f32>(from + <usize>(r * COLUMNS + c) * 4);
      if (residual) value += load<f32>(residual + at);
      store<f32>(y + at, value);
    }
  }
}

/**
 * Computes tiles of rows `tileBegin` .. `tileEnd` and of columns `panelBegin` .. `panelEnd`, counted through all subnets.
 *
 * @param p description, see the constants above
 */
export function product(
  p: usize,
  faces: i32,
  tileBegin: i32,
  tileEnd: i32,
  panelBegin: i32,
  panelEnd: i32,
  scratch: usize,
): void {
  const k = load<i32>(p, K);
  const n = load<i32>(p, N);
  const rows = faces * load<i32>(p, TOKENS);
  const activation = load<i32>(p, ACTIVATION);
  const stride = load<i32>(p, Y_STRIDE);
  const scattered = load<i32>(p, COLUMN_OFFSETS) != 0;
  const panels = (n + COLUMNS - 1) / COLUMNS;
  const packedTile = <usize>(k * ROW_STEP);
  const tilesAtOnce = max(1, BLOCK / (k * ROW_STEP));
  const packed = scratch + PACKED;
  const spare = packed + <usize>max(BLOCK, k * ROW_STEP);
  const partial = scratch + PARTIAL_TILE;
  for (let subnet = panelBegin / panels; subnet * panels < panelEnd; subnet++) {
    const x = <usize>load<u32>(p, X) + <usize>(subnet * load<i32>(p, X_SUBNET)) * 4;
    const shift = <usize>(subnet * load<i32>(p, Y_SUBNET)) * 4;
    const y = <usize>load<u32>(p, Y) + shift;
    const residualBase = <usize>load<u32>(p, RESIDUAL);
    const residual: usize = residualBase ? residualBase + shift : 0;
    const first = max(panelBegin - subnet * panels, 0);
    const last = min(panelEnd - subnet * panels, panels);
    for (let block = tileBegin; block < tileEnd; block += tilesAtOnce) {
      const blockEnd = min(block + tilesAtOnce, tileEnd);
      for (let t = block; t < blockEnd; t++) {
        packRows(p, x, t * ROWS, rows, packed + <usize>(t - block) * packedTile, spare, scratch);
      }
      for (let panel = first; panel < last; panel++) {
        const column = panel * COLUMNS;
        const index = <usize>(subnet * panels + panel);
        const weight = <usize>load<u32>(p, WEIGHT) + index * <usize>k * COLUMN_STEP;
        const bias = <usize>load<u32>(p, BIAS) + index * COLUMN_STEP;
        for (let t = block; t < blockEnd; t++) {
          const row = t * ROWS;
          const a = packed + <usize>(t - block) * packedTile;
          if (scattered || row + ROWS > rows || column + COLUMNS > n) {
            tile(a, weight, k, bias, partial, COLUMN_STEP);
            if (activation) for (let r = 0; r < ROWS; r++) finish(partial + r * COLUMN_STEP, 0, activation);
            scatter(p, partial, y, residual, row, rows, column);
            continue;
          }
          const at = <usize>(row * stride + column) * 4;
          tile(a, weight, k, bias, y + at, <usize>stride * 4);
          if (activation == 0 && residual == 0) continue;
          for (let r = 0; r < ROWS; r++) {
            const offset = at + <usize>(r * stride) * 4;
            finish(y + offset, residual ? residual + offset : 0, activation);
          }
        }
      }
    }
  }
}
