// y[s, r, n] = activation( sum_k norm(x)[s, r, k] * weight[s, k, n] + bias[s, n] ) + residual[s, r, n]
//
//   x         [S, capacity, K], or with MERGE a token map [faces, side * side, K / 4] whose 2x2 squares are the rows
//   weight    [S, K, N]        transposed from the checkpoint's [N, K], so that four columns are one load
//   columns   [S, N / 4, 3, 4] of every column its bias, scale, and sum of weights
//   residual  [S, capacity, N] read only if RESIDUAL
//   y         [S, capacity, N]
//
// norm(x) is x, or with NORMALIZE (x - mean) / sqrt(variance + EPSILON) over the row; scale and shift of the LayerNorm
// are multiplied into weight and bias beforehand. Mean and deviation are taken while the product is summed, and applied
// after it: the deviation is a factor of the whole sum, and the mean's part in it is mean * (sum of the column).
// Both are taken of x minus a shift near the row's values, here the average of its first four. A shift between the least
// and the greatest of K values is at most sqrt(K) deviations from their mean, so no more than a factor K + 1 cancels in
// mean(x^2) - mean(x)^2, and a few units where it is an ordinary value.
//
// GELU: x * Phi(x) with Abramowitz & Stegun 7.1.26 for erfc, |error of erf| <= 1.5e-7.

override NORMALIZE: bool = false;
override MERGE: bool = false;
override ACTIVATION: u32 = 0u; // NONE, RELU, GELU
override RESIDUAL: bool = false;
override EPSILON: f32 = 0.0;

const NONE = 0u;
const RELU = 1u;
const GELU = 2u;

/// Sizes are uniforms and variants are overrides, so that a network needs half a dozen pipelines and not one per layer.
struct Sizes {
  subnets: u32,  // S
  tokens: u32,   // rows of one face
  capacity: u32, // rows of maxFaces faces
  k4: u32,       // K / 4
  n4: u32,       // N / 4
  side: u32,     // of the token map that MERGE reads
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> weight: array<Packed>;
@group(0) @binding(4) var<storage, read> columns: array<vec4f>;
@group(0) @binding(5) var<storage, read> residual: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

/// First vec4 of what row `row` of subnet `subnet` reads in a segment of the sum: all of its K,
/// or one of the four pixels (row, column) = (0,0), (1,0), (0,1), (1,1) of its square.
fn source(subnet: u32, row: u32, segment: u32) -> u32 {
  if (!MERGE) {
    return (subnet * size.capacity + row) * size.k4;
  }
  let half = size.side / 2u;
  let face = row / size.tokens;
  let token = row % size.tokens;
  let line = 2u * (token / half) + segment % 2u;
  let column = 2u * (token % half) + segment / 2u;
  return ((face * size.side + line) * size.side + column) * (size.k4 / 4u);
}

fn segments() -> u32 {
  return select(1u, 4u, MERGE);
}

fn gelu(v: vec4f) -> vec4f {
  let z = abs(v) * 0.7071067811865476;
  let t = 1.0 / fma(z, vec4f(0.3275911), vec4f(1.0));
  let polynomial = t * fma(t, fma(t, fma(t, fma(t, vec4f(1.061405429), vec4f(-1.453152027)), vec4f(1.421413741)),
                                  vec4f(-0.284496736)), vec4f(0.254829592));
  // Half of erfc(z) = 1 - Phi(|v|): without cancellation for negative v. Beyond 80, exp is 0 in float32 anyway.
  let tail = 0.5 * polynomial * exp(-min(z * z, vec4f(80.0)));
  return select(v * tail, v - v * tail, v >= vec4f());
}

/// The factor that gives a row variance 1, from sums over it of x and x^2 (shifted) and its mean (shifted as well).
fn deviation_factor(squares: f32, mean: f32) -> f32 {
  return inverseSqrt(max(squares / f32(4u * size.k4) - mean * mean, 0.0) + EPSILON);
}

/// Writes four columns of a row from their sum over k; `mean` is what is left of the row's mean after the shift.
fn store(subnet: u32, row: u32, column: u32, sum: vec4f, mean: f32, factor: f32) {
  let at = 3u * (subnet * size.n4 + column);
  var value = sum * columns[at + 1u];
  if (NORMALIZE) {
    value = fma(columns[at + 2u], vec4f(-mean), value) * factor;
  }
  value += columns[at];
  if (ACTIVATION == RELU) {
    value = max(value, vec4f());
  }
  if (ACTIVATION == GELU) {
    value = gelu(value);
  }
  let out = (subnet * size.capacity + row) * size.n4 + column;
  if (RESIDUAL) {
    value += residual[out];
  }
  y[out] = value;
}
