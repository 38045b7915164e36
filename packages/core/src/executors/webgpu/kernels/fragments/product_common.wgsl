// y[s, r, n] = activation( sum_k norm(row)[s, r, k] * weight[s, k, n] + bias[s, n] + residual[s, r, n] )
//
//   weight    [S, K, N]         transposed from the checkpoint's [N, K], so that four columns are one load
//   columns   [S, N / 4, 4, 4]  of every column its bias, scale, sum of weights, and slope below zero
//   residual  [S, capacity, R]  read only if RESIDUAL; columns past its R <= N get nothing from it
//   y         [S, capacity, N]
//
// Where in x the rows are is another fragment's affair (rows_whole.wgsl). Widths that are no multiple of four are filled up
// with zeros, in x and in the weights and hence in y.
//
// norm(row) is the row, or with NORMALIZE (x - mean) / sqrt(variance + EPSILON) over it; scale and shift of the LayerNorm
// are multiplied into weight and bias beforehand. Mean and deviation are taken while the product is summed, and applied
// after it: the deviation is a factor of the whole sum, and the mean's part in it is mean * (sum of the column).
// Both are taken of x minus a shift near the row's values, here the average of its first four. A shift between the least
// and the greatest of K values is at most sqrt(K) deviations from their mean, so no more than a factor K + 1 cancels in
// mean(x^2) - mean(x)^2, and a few units where it is an ordinary value.

override NORMALIZE: bool = false;
override RESIDUAL: bool = false;
override EPSILON: f32 = 0.0;

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> weight: array<Packed>;
@group(0) @binding(4) var<storage, read> columns: array<vec4f>;
@group(0) @binding(5) var<storage, read> residual: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

/// The factor that gives a row variance 1, from sums over it of x and x^2 (shifted) and its mean (shifted as well).
fn deviation_factor(squares: f32, mean: f32) -> f32 {
  return inverseSqrt(max(squares / f32(4u * size.k4) - mean * mean, 0.0) + EPSILON);
}

/// Writes four columns of a row from their sum over k; `mean` is what is left of the row's mean after the shift.
fn store(subnet: u32, row: u32, column: u32, sum: vec4f, mean: f32, factor: f32) {
  let at = 4u * (subnet * size.n4 + column);
  var value = sum * columns[at + 1u];
  if (NORMALIZE) {
    value = fma(columns[at + 2u], vec4f(-mean), value) * factor;
  }
  value += columns[at];
  let place = subnet * size.capacity + row;
  if (RESIDUAL) {
    if (column < size.r4) {
      value += residual[place * size.r4 + column];
    }
  }
  y[place * size.n4 + column] = activate(value, columns[at + 3u]);
}
