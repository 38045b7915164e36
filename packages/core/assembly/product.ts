/**
 * Matrix products with everything that stands around them:
 * y = act(load(x) W + bias + residual), where `load` reads plain rows, normalized rows, merged 2x2 patches, or what a
 * window that slides over a token map or a picture shows. Scale and shift of a LayerNorm before it are in the weights
 * already. Rows of tokens are as many numbers apart as a multiple of four; what pads them is zero.
 */
import { gelu, normalizeRow, silu } from './math';
import { copy } from './pack';
import { ADDRESSES, COLUMN_STEP, COLUMNS, GELU, NONE, ROWS, SILU, tile } from './tile';

// Members of a product's description, all i32; addresses in bytes, sizes in elements.
const X = 0;
/** [ceil(n / 8)][taps][k][8] for each subnet */
const WEIGHT = 4;
/** n rounded up to 8 for each subnet */
const BIAS = 8;
/** n rounded up to 8, of PRELU */
const SLOPE = 12;
/** 0 for none */
const RESIDUAL = 16;
const Y = 20;
/** Inputs of a tap, a multiple of four. */
const K = 24;
/** Tokens of the window that a row sees; 1 where rows are gathered. */
const TAPS = 28;
const N = 32;
/** Rows of one face. */
const TOKENS = 36;
const LOAD = 40;
const NORMALIZE = 44;
const ACTIVATION = 48;
/** Elements from one row to the next: of x (of a picture's plane for LOAD_PICTURE), of y, of the residual. */
const X_STRIDE = 52;
const Y_STRIDE = 56;
const RESIDUAL_STRIDE = 60;
/** Address of i32 [n], where in a row of y each column goes; 0 for one after another. */
const COLUMN_OFFSETS = 64;
/** Elements from one subnet to the next. */
const X_SUBNET = 68;
const Y_SUBNET = 72;
/** Address of k zeros, which taps beyond the border read. */
const ZEROS = 76;
/** The map or picture that a window slides over, and its channels or colours. */
const HEIGHT = 80;
const WIDTH = 84;
const CHANNELS = 88;
/** Width of the map of results. */
const ACROSS = 92;
const KERNEL_HEIGHT = 96;
const KERNEL_WIDTH = 100;
const STEP = 104;
const TOP = 108;
const LEFT = 112;

const LOAD_ROWS = 0;
const LOAD_WINDOW = 1;
const LOAD_MERGED = 2;
const LOAD_PICTURE = 3;

/** Bytes of rows, read and written, at a time: they stay in the second-level cache while all columns pass. */
const BLOCK: i32 = 196_608;
/** Bytes of the addresses of a block's rows, unless one tile has more. */
const TABLE: i32 = 49_152;

// Layout of a thread's scratch memory: then TABLE bytes, or one tile's if those are more, then BLOCK bytes of gathered
// rows, or one tile's, and a vector. See `src/executors/wasm/scratch.ts`.
const PARTIAL_TILE = 0;
const ROW_ADDRESSES = 256;

/** Makes the row of a token contiguous at `to`: the pixels (0,0), (1,0), (0,1), (1,1) (row, column) of a 2x2. */
function gatherMerged(p: usize, x: usize, row: i32, to: usize): void {
  const side = load<i32>(p, WIDTH);
  const channels = load<i32>(p, CHANNELS);
  const tokens = load<i32>(p, TOKENS);
  const token = row % tokens;
  const half = side >> 1;
  const corner = (row / tokens) * side * side + ((token / half) * side + (token % half)) * 2;
  for (let part = 0; part < 4; part++) {
    const from = corner + (part & 1) * side + (part >> 1);
    copy(x + <usize>(from * channels) * 4, to + <usize>(part * channels) * 4, channels);
  }
}

/** Makes what the window of a token shows of a picture's planes contiguous at `to`: [colours][height][width]. */
function gatherPicture(p: usize, x: usize, row: i32, to: usize): void {
  const height = load<i32>(p, HEIGHT);
  const width = load<i32>(p, WIDTH);
  const colours = load<i32>(p, CHANNELS);
  const across = load<i32>(p, ACROSS);
  const kernelHeight = load<i32>(p, KERNEL_HEIGHT);
  const kernelWidth = load<i32>(p, KERNEL_WIDTH);
  const step = load<i32>(p, STEP);
  const tokens = load<i32>(p, TOKENS);
  const stride = load<i32>(p, X_STRIDE);
  const token = row % tokens;
  const top = (token / across) * step - load<i32>(p, TOP);
  const left = (token % across) * step - load<i32>(p, LEFT);
  const inside = top >= 0 && left >= 0 && top + kernelHeight <= height && left + kernelWidth <= width;
  let plane = x + <usize>((row / tokens) * colours * height * stride) * 4;
  const planeBytes = <usize>(height * stride) * 4;
  const rowBytes = <usize>kernelWidth * 4;
  for (let colour = 0; colour < colours; colour++) {
    for (let ky = 0; ky < kernelHeight; ky++) {
      const from = plane + <usize>((top + ky) * stride + left) * 4;
      if (inside) {
        // Up to three numbers too many, which the next row or the padding is written over.
        for (let i: usize = 0; i < rowBytes; i += 16) v128.store(to + i, v128.load(from + i));
      } else {
        const rowInside = top + ky >= 0 && top + ky < height;
        for (let kx = 0; kx < kernelWidth; kx++) {
          const within = rowInside && left + kx >= 0 && left + kx < width;
          store<f32>(to + <usize>kx * 4, within ? load<f32>(from + <usize>kx * 4) : 0);
        }
      }
      to += rowBytes;
    }
    plane += planeBytes;
  }
  v128.store(to, f32x4.splat(0));
}

/** Addresses of what the windows of six tokens show of a token map, in order of rows and columns. */
function windowAddresses(p: usize, x: usize, row: i32, rows: i32, table: usize): void {
  const height = load<i32>(p, HEIGHT);
  const width = load<i32>(p, WIDTH);
  const across = load<i32>(p, ACROSS);
  const kernelHeight = load<i32>(p, KERNEL_HEIGHT);
  const kernelWidth = load<i32>(p, KERNEL_WIDTH);
  const step = load<i32>(p, STEP);
  const tokens = load<i32>(p, TOKENS);
  const zeros = load<u32>(p, ZEROS);
  const bytes = load<i32>(p, X_STRIDE) << 2;
  for (let i = 0; i < ROWS; i++) {
    const own = min(row + i, rows - 1);
    const token = own % tokens;
    const top = (token / across) * step - load<i32>(p, TOP);
    const left = (token % across) * step - load<i32>(p, LEFT);
    let to = table + <usize>(i << 2);
    for (let ky = top; ky < top + kernelHeight; ky++) {
      const line = <u32>x + ((own / tokens) * height + ky) * width * bytes;
      const inside = ky >= 0 && ky < height;
      for (let kx = left; kx < left + kernelWidth; kx++) {
        store<u32>(to, inside && kx >= 0 && kx < width ? line + kx * bytes : zeros);
        to += ADDRESSES;
      }
    }
  }
}

/** Writes the addresses of the six rows from `row`, gathering at `to` what is not contiguous; rows from `rows` on read as the last. */
function addressRows(p: usize, x: usize, row: i32, rows: i32, table: usize, to: usize): void {
  const kind = load<i32>(p, LOAD);
  if (kind == LOAD_WINDOW) return windowAddresses(p, x, row, rows, table);
  const k = load<i32>(p, K);
  const normalize = load<i32>(p, NORMALIZE);
  const bytes = <usize>load<i32>(p, X_STRIDE) << 2;
  for (let i = 0; i < ROWS; i++) {
    const own = min(row + i, rows - 1);
    let address = x + <usize>own * bytes;
    if (kind != LOAD_ROWS) {
      if (kind == LOAD_MERGED) gatherMerged(p, x, own, to);
      else gatherPicture(p, x, own, to);
      address = to;
    }
    if (normalize) {
      normalizeRow(address, k, to);
      address = to;
    }
    store<u32>(table, <u32>address);
    table += 4;
    to += <usize>k << 2;
  }
}

/** In place: what takes an exponential of a tile. */
function finish(c: usize, stride: usize, last: i32, wide: bool, activation: i32): void {
  for (let r = 0; r <= last; r++) {
    const a = v128.load(c);
    v128.store(c, activation == GELU ? gelu(a) : silu(a));
    if (wide) {
      const b = v128.load(c, 16);
      v128.store(c, activation == GELU ? gelu(b) : silu(b), 16);
    }
    c += stride;
  }
}

/** Writes a tile whose columns are scattered over a row of y. */
function scatter(from: usize, y: usize, stride: usize, last: i32, offsets: usize, columns: i32): void {
  for (let c = 0; c < columns; c++) {
    const place = <usize>load<i32>(offsets + <usize>c * 4) * 4;
    for (let r = 0; r <= last; r++) {
      store<f32>(y + <usize>r * stride + place, load<f32>(from + <usize>(r * COLUMNS + c) * 4));
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
  const taps = load<i32>(p, TAPS);
  const n = load<i32>(p, N);
  const rows = faces * load<i32>(p, TOKENS);
  const activation = load<i32>(p, ACTIVATION);
  const stride = <usize>load<i32>(p, Y_STRIDE) * 4;
  const residualColumns = load<i32>(p, RESIDUAL_STRIDE);
  const residualStride = <usize>residualColumns * 4;
  const offsets: usize = load<u32>(p, COLUMN_OFFSETS);
  const slopes: usize = load<u32>(p, SLOPE);
  const late = activation >= GELU;
  const early = late ? NONE : activation;
  const panels = (n + COLUMNS - 1) / COLUMNS;
  const tableTile = taps * ADDRESSES;
  const gatheredTile = k * ROWS * 4;
  const rowBytes = (k * taps + (k * taps * n < 65536 ? n : 0)) * 4;
  const tilesAtOnce = max(1, min(TABLE / tableTile, BLOCK / (ROWS * rowBytes)));
  const table = scratch + ROW_ADDRESSES;
  const gathered = table + <usize>max(TABLE, tableTile);
  const panelBytes = <usize>(taps * k) * COLUMN_STEP;
  for (let subnet = panelBegin / panels; subnet * panels < panelEnd; subnet++) {
    const x = <usize>load<u32>(p, X) + <usize>(subnet * load<i32>(p, X_SUBNET)) * 4;
    const shift = <usize>(subnet * load<i32>(p, Y_SUBNET)) * 4;
    const y = <usize>load<u32>(p, Y) + shift;
    const residualBase = <usize>load<u32>(p, RESIDUAL);
    const first = max(panelBegin - subnet * panels, 0);
    const end = min(panelEnd - subnet * panels, panels);
    for (let block = tileBegin; block < tileEnd; block += tilesAtOnce) {
      const blockEnd = min(block + tilesAtOnce, tileEnd);
      for (let t = block; t < blockEnd; t++) {
        addressRows(
          p,
          x,
          t * ROWS,
          rows,
          table + <usize>((t - block) * tableTile),
          gathered + <usize>((t - block) * gatheredTile),
        );
      }
      for (let panel = first; panel < end; panel++) {
        const column = panel * COLUMNS;
        const index = <usize>(subnet * panels + panel);
        const weight = <usize>load<u32>(p, WEIGHT) + index * panelBytes;
        const bias = <usize>load<u32>(p, BIAS) + index * COLUMN_STEP;
        const slope = slopes + <usize>panel * COLUMN_STEP;
        const wide = column + 4 < n;
        const residual: usize =
          residualBase && column < residualColumns ? residualBase + shift + <usize>column * 4 : 0;
        const residualWide = column + 4 < residualColumns;
        for (let t = block; t < blockEnd; t++) {
          const row = t * ROWS;
          const last = min(rows - row, ROWS) - 1;
          const a = table + <usize>((t - block) * tableTile);
          const at = y + <usize>row * stride;
          const r = residual ? residual + <usize>row * residualStride : 0;
          const to = offsets ? scratch + PARTIAL_TILE : at + <usize>column * 4;
          const toStride = offsets ? <usize>COLUMN_STEP : stride;
          tile(a, taps, k, weight, bias, to, toStride, last, wide, r, residualStride, residualWide, early, slope);
          if (late) finish(to, toStride, last, wide, activation);
          if (offsets) {
            const places = offsets + <usize>column * 4;
            scatter(to, at, stride, last, places, min(n - column, COLUMNS));
          }
        }
      }
    }
  }
}
