// y[s, r, n] = activation( sum_k norm(x)[s, r, k] * weight[s, k, n] + bias[s, n] ) + residual[s, r, n]
//
//   x         [S, capacity, K], or with MERGE a token map [faces, side * side, K / 4] whose 2x2 squares are the rows
//   weight    [S, K, N]        transposed from the checkpoint's [N, K], so that four columns are one load
//   bias      [S, N]
//   residual  [S, capacity, N] read only if RESIDUAL
//   y         [S, capacity, N]
//
// norm(x) is x, or with NORMALIZE (x - mean) / sqrt(variance + EPSILON) over the row; scale and shift of the LayerNorm
// are multiplied into weight and bias beforehand. The deviation is a factor of the whole sum, so it is applied after it.
//
// One invocation computes 8 rows x 4 columns in registers, spelled out because not every compiler unrolls loops over
// arrays: 12 loads feed 32 vector multiply-adds. One workgroup covers tiles x 8 rows and columns x 4 columns, and finds
// the statistics of its rows once, in two passes.
//
// GELU: x * Phi(x) with Abramowitz & Stegun 7.1.26 for erfc, |error of erf| <= 1.5e-7.

override NORMALIZE: bool = false;
override MERGE: bool = false;
override ACTIVATION: u32 = 0u; // NONE, RELU, GELU
override RESIDUAL: bool = false;
override EPSILON: f32 = 0.0;

/// Sizes are uniforms and variants are overrides, so that a network needs half a dozen pipelines and not one per layer.
struct Sizes {
  subnets: u32,  // S
  tokens: u32,   // rows of one face
  capacity: u32, // rows of maxFaces faces
  k4: u32,       // K / 4
  n4: u32,       // N / 4
  columns: u32,  // vectors of four columns in a workgroup; columns * tiles <= 64
  tiles: u32,    // tiles of 8 rows in a workgroup, at most 16
  side: u32,     // of the token map that MERGE reads
}

const NONE = 0u;
const RELU = 1u;
const GELU = 2u;
const ROWS = 8u;
const MAX_TILES = 16u;

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> weight: array<vec4f>;
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
@group(0) @binding(5) var<storage, read> residual: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

var<workgroup> means: array<f32, ROWS * MAX_TILES>;
var<workgroup> scales: array<f32, ROWS * MAX_TILES>;

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

/// Mean of a row, and the factor that gives its deviations from the mean variance 1.
fn statistics(subnet: u32, row: u32) -> vec2f {
  let length = size.k4 / segments();
  // The first moment about zero, then the second about the first.
  var moments = vec2f();
  for (var order = 0u; order < 2u; order++) {
    var sum = vec4f();
    for (var segment = 0u; segment < segments(); segment++) {
      let start = source(subnet, row, segment);
      for (var k = 0u; k < length; k++) {
        let value = x[start + k] - moments.x;
        sum += select(value, value * value, order == 1u);
      }
    }
    moments[order] = dot(sum, vec4f(1.0)) / f32(4u * size.k4);
  }
  return vec2f(moments.x, inverseSqrt(moments.y + EPSILON));
}

fn centred(value: vec4f, mean: f32) -> vec4f {
  if (NORMALIZE) {
    return value - mean;
  }
  return value;
}

fn multiply_add(v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f, sum: vec4f) -> vec4f {
  return fma(vec4f(v.x), w0, fma(vec4f(v.y), w1, fma(vec4f(v.z), w2, fma(vec4f(v.w), w3, sum))));
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

fn store(subnet: u32, row: u32, rows: u32, column: u32, tile_row: u32, sum: vec4f) {
  if (row >= rows) {
    return;
  }
  var value = bias[subnet * size.n4 + column];
  if (NORMALIZE) {
    value = fma(sum, vec4f(scales[tile_row]), value);
  } else {
    value += sum;
  }
  if (ACTIVATION == RELU) {
    value = max(value, vec4f());
  }
  if (ACTIVATION == GELU) {
    value = gelu(value);
  }
  let at = (subnet * size.capacity + row) * size.n4 + column;
  if (RESIDUAL) {
    value += residual[at];
  }
  y[at] = value;
}

@compute @workgroup_size(64)
fn product(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let rows = run.faces * size.tokens;
  let group_rows = ROWS * size.tiles;
  let column_groups = (size.n4 + size.columns - 1u) / size.columns;
  let row_groups = (rows + group_rows - 1u) / group_rows;
  let rank = group_rank(group, groups);
  let subnet = rank / (column_groups * row_groups);
  let first_row = rank / column_groups % row_groups * group_rows;
  let column = rank % column_groups * size.columns + index % size.columns;

  if (NORMALIZE) {
    for (var r = index; r < group_rows; r += 64u) {
      let found = statistics(subnet, min(first_row + r, rows - 1u));
      means[r] = found.x;
      scales[r] = found.y;
    }
    workgroupBarrier();
  }
  if (subnet >= size.subnets || index >= size.columns * size.tiles || column >= size.n4) {
    return;
  }

  let tile = index / size.columns * ROWS;
  let row = first_row + tile;
  // Rows past the end compute the last row again and are not stored.
  let last = rows - 1u;
  let r0 = min(row, last);
  let r1 = min(row + 1u, last);
  let r2 = min(row + 2u, last);
  let r3 = min(row + 3u, last);
  let r4 = min(row + 4u, last);
  let r5 = min(row + 5u, last);
  let r6 = min(row + 6u, last);
  let r7 = min(row + 7u, last);
  let m0 = means[tile];
  let m1 = means[tile + 1u];
  let m2 = means[tile + 2u];
  let m3 = means[tile + 3u];
  let m4 = means[tile + 4u];
  let m5 = means[tile + 5u];
  let m6 = means[tile + 6u];
  let m7 = means[tile + 7u];
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();

  let n4 = size.n4;
  let length = size.k4 / segments();
  var w = subnet * 4u * size.k4 * n4 + column;
  for (var segment = 0u; segment < segments(); segment++) {
    let x0 = source(subnet, r0, segment);
    let x1 = source(subnet, r1, segment);
    let x2 = source(subnet, r2, segment);
    let x3 = source(subnet, r3, segment);
    let x4 = source(subnet, r4, segment);
    let x5 = source(subnet, r5, segment);
    let x6 = source(subnet, r6, segment);
    let x7 = source(subnet, r7, segment);
    for (var k = 0u; k < length; k++) {
      let w0 = weight[w];
      let w1 = weight[w + n4];
      let w2 = weight[w + 2u * n4];
      let w3 = weight[w + 3u * n4];
      w += 4u * n4;
      s0 = multiply_add(centred(x[x0 + k], m0), w0, w1, w2, w3, s0);
      s1 = multiply_add(centred(x[x1 + k], m1), w0, w1, w2, w3, s1);
      s2 = multiply_add(centred(x[x2 + k], m2), w0, w1, w2, w3, s2);
      s3 = multiply_add(centred(x[x3 + k], m3), w0, w1, w2, w3, s3);
      s4 = multiply_add(centred(x[x4 + k], m4), w0, w1, w2, w3, s4);
      s5 = multiply_add(centred(x[x5 + k], m5), w0, w1, w2, w3, s5);
      s6 = multiply_add(centred(x[x6 + k], m6), w0, w1, w2, w3, s6);
      s7 = multiply_add(centred(x[x7 + k], m7), w0, w1, w2, w3, s7);
    }
  }

  // Once per invocation, so a loop over an array costs nothing here and keeps the shader small.
  var sums = array<vec4f, ROWS>(s0, s1, s2, s3, s4, s5, s6, s7);
  for (var r = 0u; r < ROWS; r++) {
    store(subnet, row + r, rows, column, tile + r, sums[r]);
  }
}
