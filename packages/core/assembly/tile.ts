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
/** Bytes of one step of packed rows. */
export const ROW_STEP: i32 = 24;
/** Bytes of one step of packed columns. */
export const COLUMN_STEP: i32 = 32;

/** a * b + c, rounded once where the machine has a fused instruction and twice where it has not. */
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/**
 * c[6][8] = bias[8] + sum over i < k of a[i][6] (x) b[i][8].
 *
 * @param a packed rows, [k][6]
 * @param b packed columns, [k][8]
 * @param k even
 * @param stride bytes from one row of c to the next
 */
export function tile(a: usize, b: usize, k: i32, bias: usize, c: usize, stride: usize): void {
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
  const end = a + <usize>k * ROW_STEP;
  while (a < end) {
    let b0 = v128.load(b);
    let b1 = v128.load(b, 16);
    let r = v128.load32_splat(a);
    c00 = madd(r, b0, c00);
    c01 = madd(r, b1, c01);
    r = v128.load32_splat(a, 4);
    c10 = madd(r, b0, c10);
    c11 = madd(r, b1, c11);
    r = v128.load32_splat(a, 8);
    c20 = madd(r, b0, c20);
    c21 = madd(r, b1, c21);
    r = v128.load32_splat(a, 12);
    c30 = madd(r, b0, c30);
    c31 = madd(r, b1, c31);
    r = v128.load32_splat(a, 16);
    c40 = madd(r, b0, c40);
    c41 = madd(r, b1, c41);
    r = v128.load32_splat(a, 20);
    c50 = madd(r, b0, c50);
    c51 = madd(r, b1, c51);

    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    r = v128.load32_splat(a, 24);
    c00 = madd(r, b0, c00);
    c01 = madd(r, b1, c01);
    r = v128.load32_splat(a, 28);
    c10 = madd(r, b0, c10);
    c11 = madd(r, b1, c11);
    r = v128.load32_splat(a, 32);
    c20 = madd(r, b0, c20);
    c21 = madd(r, b1, c21);
    r = v128.load32_splat(a, 36);
    c30 = madd(r, b0, c30);
    c31 = madd(r, b1, c31);
    r = v128.load32_splat(a, 40);
    c40 = madd(r, b0, c40);
    c41 = madd(r, b1, c41);
    r = v128.load32_splat(a, 44);
    c50 = madd(r, b0, c50);
    c51 = madd(r, b1, c51);

    a += 2 * ROW_STEP;
    b += 2 * COLUMN_STEP;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  c += stride;
  v128.store(c, c10);
  v128.store(c, c11, 16);
  c += stride;
  v128.store(c, c20);
  v128.store(c, c21, 16);
  c += stride;
  v128.store(c, c30);
  v128.store(c, c31, 16);
  c += stride;
  v128.store(c, c40);
  v128.store(c, c41, 16);
  c += stride;
  v128.store(c, c50);
  v128.store(c, c51, 16);
}
