// What is done to a sum at last, chosen by ACTIVATION.
//
// GELU: x * Phi(x) with Abramowitz & Stegun 7.1.26 for erfc, |error of erf| <= 1.5e-7.

override ACTIVATION: u32 = 0u; // NONE, RELU, GELU, SILU, PRELU

const RELU = 1u;
const GELU = 2u;
const SILU = 3u;
const PRELU = 4u;

fn gelu(v: vec4f) -> vec4f {
  let z = abs(v) * 0.7071067811865476;
  let t = 1.0 / fma(z, vec4f(0.3275911), vec4f(1.0));
  let polynomial = t * fma(t, fma(t, fma(t, fma(t, vec4f(1.061405429), vec4f(-1.453152027)), vec4f(1.421413741)),
                                  vec4f(-0.284496736)), vec4f(0.254829592));
  // Half of erfc(z) = 1 - Phi(|v|): without cancellation for negative v. Beyond 80, exp is 0 in float32 anyway.
  let tail = 0.5 * polynomial * exp(-min(z * z, vec4f(80.0)));
  return select(v * tail, v - v * tail, v >= vec4f());
}

/// `slope` is PRELU's, below zero.
fn activate(v: vec4f, slope: vec4f) -> vec4f {
  if (ACTIVATION == RELU) {
    return max(v, vec4f());
  }
  if (ACTIVATION == GELU) {
    return gelu(v);
  }
  if (ACTIVATION == SILU) {
    // Below -80, where exp would come near its largest number, the outcome is 0 to every digit that counts.
    return v / (1.0 + exp(min(-v, vec4f(80.0))));
  }
  if (ACTIVATION == PRELU) {
    return select(slope * v, v, v > vec4f());
  }
  return v;
}
