/**
 * The register tile that every matrix product is made of: 6 rows by 8 columns.
 *
 * Twelve accumulators, two vectors of columns and one broadcast row fill the 16 vector registers of x64 but one,
 * which V8 keeps for itself.
 */

/** Rows of a tile. */
export const ROWS: i32 = 6;
/** Columns of a tile. */
export const COLUMNS: i32 = 8;
/** Bytes of one step of packed columns. */
export const COLUMN_STEP: i32 = 32;
/** Bytes of the six addresses that a tile reads its rows from. */
export const ADDRESSES: i32 = 24;

/** What a tile does to its sums at last. */
export const NONE = 0;
export const RELU = 1;
export const PRELU = 2;
/** These two are applied to the tile in memory: they take more registers than there are. */
export const GELU = 3;
export const SILU = 4;

/** Bytes of a row that one turn of the tile's loop takes. */
const STEP: usize = ASC_FEATURE_RELAXED_SIMD ? 4 : 8;

/** a * b + c, rounded once where the machine has a fused instruction and twice where it has not. */
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/** max(x, 0); the maximum that is one instruction. */
export function relu(x: v128): v128 {
  return f32x4.pmax(x, f32x4.splat(0));
}

/** x where positive, slope x elsewhere. */
export function prelu(x: v128, slope: v128): v128 {
  return madd(f32x4.pmin(x, f32x4.splat(0)), slope, f32x4.pmax(x, f32x4.splat(0)));
}

/**
 * c[6][8] = act(bias[8] + sum over taps and i < k of a[tap][row][i] b[tap][i][8] + residual[6][8]).
 *
 * @param rows u32 [taps][6], addresses of rows of k numbers
 * @param k a multiple of four
 * @param b packed columns, [taps][k][8]
 * @param last index of the last row that exists; those after it have the addresses of this one, and are written over it
 * @param wide whether the second four columns exist
 * @param residual 0 for none
 * @param residualWide whether the residual has the second four columns; without them it is zero there
 * @param activation up to PRELU
 */
export function tile(
  rows: usize,
  taps: i32,
  k: i32,
  b: usize,
  bias: usize,
  c: usize,
  stride: usize,
  last: i32,
  wide: bool,
  residual: usize,
  residualStride: usize,
  residualWide: bool,
  activation: i32,
  slope: usize,
): void {
  let c00 = v128.load(bias);
  let c01 = v128.load(bias, 16);
  let c10 = c00;
  let c11 = c01;
  let c20 = c00;
  let c21 = c01;
  let c30 = c00;
  let c31 = c01;
  let c40 = c00;
  let c41 = c01;
  let c50 = c00;
  let c51 = c01;
  const bytes = <usize>k << 2;
  const end = rows + <usize>(taps * ADDRESSES);
  for (; rows < end; rows += ADDRESSES) {
    let a0: usize = load<u32>(rows);
    let a1: usize = load<u32>(rows, 4);
    let a2: usize = load<u32>(rows, 8);
    let a3: usize = load<u32>(rows, 12);
    let a4: usize = load<u32>(rows, 16);
    let a5: usize = load<u32>(rows, 20);
    const stop = a0 + bytes;
    while (a0 < stop) {
      // From the last row to the first: in this order V8 keeps each broadcast row for its two products only.
      let b0 = v128.load(b);
      let b1 = v128.load(b, 16);
      let r = v128.load32_splat(a5);
      c50 = madd(r, b0, c50);
      c51 = madd(r, b1, c51);
      r = v128.load32_splat(a4);
      c40 = madd(r, b0, c40);
      c41 = madd(r, b1, c41);
      r = v128.load32_splat(a3);
      c30 = madd(r, b0, c30);
      c31 = madd(r, b1, c31);
      r = v128.load32_splat(a2);
      c20 = madd(r, b0, c20);
      c21 = madd(r, b1, c21);
      r = v128.load32_splat(a1);
      c10 = madd(r, b0, c10);
      c11 = madd(r, b1, c11);
      r = v128.load32_splat(a0);
      c00 = madd(r, b0, c00);
      c01 = madd(r, b1, c01);
      // Without the fused instruction there is one register too few; what is spilled is then spilled half as often.
      if (!ASC_FEATURE_RELAXED_SIMD) {
        b0 = v128.load(b, 32);
        b1 = v128.load(b, 48);
        r = v128.load32_splat(a5, 4);
        c50 = madd(r, b0, c50);
        c51 = madd(r, b1, c51);
        r = v128.load32_splat(a4, 4);
        c40 = madd(r, b0, c40);
        c41 = madd(r, b1, c41);
        r = v128.load32_splat(a3, 4);
        c30 = madd(r, b0, c30);
        c31 = madd(r, b1, c31);
        r = v128.load32_splat(a2, 4);
        c20 = madd(r, b0, c20);
        c21 = madd(r, b1, c21);
        r = v128.load32_splat(a1, 4);
        c10 = madd(r, b0, c10);
        c11 = madd(r, b1, c11);
        r = v128.load32_splat(a0, 4);
        c00 = madd(r, b0, c00);
        c01 = madd(r, b1, c01);
      }
      a0 += STEP;
      a1 += STEP;
      a2 += STEP;
      a3 += STEP;
      a4 += STEP;
      a5 += STEP;
      b += STEP * COLUMNS;
    }
  }
  if (residual) {
    c00 = f32x4.add(c00, v128.load(residual));
    if (residualWide) c01 = f32x4.add(c01, v128.load(residual, 16));
    if (last >= 1) residual += residualStride;
    c10 = f32x4.add(c10, v128.load(residual));
    if (residualWide) c11 = f32x4.add(c11, v128.load(residual, 16));
    if (last >= 2) residual += residualStride;
    c20 = f32x4.add(c20, v128.load(residual));
    if (residualWide) c21 = f32x4.add(c21, v128.load(residual, 16));
    if (last >= 3) residual += residualStride;
    c30 = f32x4.add(c30, v128.load(residual));
    if (residualWide) c31 = f32x4.add(c31, v128.load(residual, 16));
    if (last >= 4) residual += residualStride;
    c40 = f32x4.add(c40, v128.load(residual));
    if (residualWide) c41 = f32x4.add(c41, v128.load(residual, 16));
    if (last >= 5) residual += residualStride;
    c50 = f32x4.add(c50, v128.load(residual));
    if (residualWide) c51 = f32x4.add(c51, v128.load(residual, 16));
  }
  if (activation == RELU) {
    c00 = relu(c00);
    c01 = relu(c01);
    c10 = relu(c10);
    c11 = relu(c11);
    c20 = relu(c20);
    c21 = relu(c21);
    c30 = relu(c30);
    c31 = relu(c31);
    c40 = relu(c40);
    c41 = relu(c41);
    c50 = relu(c50);
    c51 = relu(c51);
  } else if (activation == PRELU) {
    const s0 = v128.load(slope);
    const s1 = v128.load(slope, 16);
    c00 = prelu(c00, s0);
    c01 = prelu(c01, s1);
    c10 = prelu(c10, s0);
    c11 = prelu(c11, s1);
    c20 = prelu(c20, s0);
    c21 = prelu(c21, s1);
    c30 = prelu(c30, s0);
    c31 = prelu(c31, s1);
    c40 = prelu(c40, s0);
    c41 = prelu(c41, s1);
    c50 = prelu(c50, s0);
    c51 = prelu(c51, s1);
  }
  v128.store(c, c00);
  if (wide) v128.store(c, c01, 16);
  if (last >= 1) c += stride;
  v128.store(c, c10);
  if (wide) v128.store(c, c11, 16);
  if (last >= 2) c += stride;
  v128.store(c, c20);
  if (wide) v128.store(c, c21, 16);
  if (last >= 3) c += stride;
  v128.store(c, c30);
  if (wide) v128.store(c, c31, 16);
  if (last >= 4) c += stride;
  v128.store(c, c40);
  if (wide) v128.store(c, c41, 16);
  if (last >= 5) c += stride;
  v128.store(c, c50);
  if (wide) v128.store(c, c51, 16);
}
