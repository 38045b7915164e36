/** Functions of four numbers at a time. */
import { madd } from './tile';

/**
 * e^x for x <= 0, and 0 below -80: next to 1 that is nothing, and what follows would be numbers so small that processors
 * compute with them a hundred times slower.
 */
export function exp(x: v128): v128 {
  const counts = f32x4.gt(x, f32x4.splat(-80));
  x = f32x4.max(x, f32x4.splat(-80));
  // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, so that n ln 2 is exact where it matters (Cody & Waite).
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896)));
  let r = madd(n, f32x4.splat(-0.693359375), x);
  r = madd(n, f32x4.splat(2.12194440e-4), r);
  // Taylor with its last terms spread over the interval (Cephes expf): within 2 ulp.
  let p = f32x4.splat(1.9875691500e-4);
  p = madd(p, r, f32x4.splat(1.3981999507e-3));
  p = madd(p, r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(5.0000001201e-1));
  p = madd(p, f32x4.mul(r, r), f32x4.add(r, f32x4.splat(1)));
  // Times 2^n, by the exponent's bits.
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.and(f32x4.mul(p, power), counts);
}

/**
 * x * Phi(x), the exact GELU: (Phi(x) - 1/2) / x as a quotient of polynomials in x^2, fitted to |x| <= 5.6, beyond which
 * Phi is 0 or 1 in float32. Phi is within 2e-7, with half of the instructions that an exponential takes.
 */
export function gelu(x: v128): v128 {
  const z = f32x4.max(f32x4.min(x, f32x4.splat(5.6)), f32x4.splat(-5.6));
  const u = f32x4.mul(z, z);
  let p = f32x4.splat(1.0802296557255175e-10);
  p = madd(p, u, f32x4.splat(-2.199754867149295e-8));
  p = madd(p, u, f32x4.splat(3.3618487123021623e-6));
  p = madd(p, u, f32x4.splat(1.8248884589411318e-4));
  p = madd(p, u, f32x4.splat(4.587685223668814e-3));
  p = madd(p, u, f32x4.splat(3.7114497274160385e-2));
  p = madd(p, u, f32x4.splat(0.39894211292266846));
  let q = f32x4.splat(6.625522655667737e-5);
  q = madd(q, u, f32x4.splat(1.9015955040231347e-3));
  q = madd(q, u, f32x4.splat(2.9787149280309677e-2));
  q = madd(q, u, f32x4.splat(0.259696364402771));
  q = madd(q, u, f32x4.splat(1));
  return f32x4.mul(x, madd(z, f32x4.div(p, q), f32x4.splat(0.5)));
}

/** 1 / (1 + e^-x), by e^-|x|, which cannot overflow. */
export function sigmoid(x: v128): v128 {
  const e = exp(f32x4.neg(f32x4.abs(x)));
  const inverse = f32x4.div(f32x4.splat(1), f32x4.add(e, f32x4.splat(1)));
  return v128.bitselect(inverse, f32x4.mul(e, inverse), f32x4.ge(x, f32x4.splat(0)));
}

/** x * sigmoid(x). */
export function silu(x: v128): v128 {
  return f32x4.mul(x, sigmoid(x));
}

/** Sum of the four lanes. */
export function sum4(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}

/** Largest of the four lanes. */
export function max4(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/** The row (x - mean) / deviation of `width` numbers, a multiple of four, in two passes; eps 1e-5. `y` may be `x`. */
export function normalizeRow(x: usize, width: i32, y: usize): void {
  const bytes = <usize>width * 4;
  let sum = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) sum = f32x4.add(sum, v128.load(x + i));
  const mean = f32x4.splat(sum4(sum) / <f32>width);
  let squares = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    const d = f32x4.sub(v128.load(x + i), mean);
    squares = madd(d, d, squares);
  }
  const scale = f32x4.splat(<f32>1 / sqrt<f32>(sum4(squares) / <f32>width + <f32>1e-5));
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(y + i, f32x4.mul(f32x4.sub(v128.load(x + i), mean), scale));
  }
}
