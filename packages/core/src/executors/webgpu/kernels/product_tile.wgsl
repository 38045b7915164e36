// The product through workgroup memory; product_common.wgsl has the formula and the layouts.
//
// A workgroup of SIZE invocations computes 8 * SIZE / COLUMNS rows x 4 * COLUMNS columns, each invocation 8 rows x 4
// columns of them. It goes through K in steps of 16: loads rows and weights, neighbours from neighbouring addresses and
// each number once, then multiplies out of workgroup memory. What a step gives is added to float32 sums, so that the
// step itself may be computed in less (Real4). Past the ends zeros are loaded, or the last row or column again.

override SIZE: u32 = 64u;
override COLUMNS: u32 = 8u; // vectors of four; at least 8, so that every row has an invocation for its statistics

const ROWS = 8u;
const DEPTH = 4u; // vectors of four in a step

var<workgroup> row_step: array<Real4, ROWS * SIZE / COLUMNS * DEPTH>;
var<workgroup> weight_step: array<Real4, 4u * DEPTH * COLUMNS>;
/// First the shifts of the rows, in the end their means.
var<workgroup> means: array<f32, ROWS * SIZE / COLUMNS>;
var<workgroup> factors: array<f32, ROWS * SIZE / COLUMNS>;

struct Reals {
  a: Real4,
  b: Real4,
  c: Real4,
  d: Real4,
}

fn multiply_add_real(v: Real4, w: Reals, sum: Real4) -> Real4 {
  return fma(Real4(v.x), w.a, fma(Real4(v.y), w.b, fma(Real4(v.z), w.c, fma(Real4(v.w), w.d, sum))));
}

/// Vector k of a row, whichever segment it is in.
fn element(subnet: u32, row: u32, k: u32) -> vec4f {
  let length = size.k4 / segments();
  return element_of(start_of(row_of(subnet, row), k / length), k % length);
}

@compute @workgroup_size(SIZE)
fn product_tile(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let rows = run.faces * size.tokens;
  let last = rows - 1u;
  let tile_rows = ROWS * (SIZE / COLUMNS);
  let column_groups = (size.n4 + COLUMNS - 1u) / COLUMNS;
  let row_groups = (rows + tile_rows - 1u) / tile_rows;
  let rank = group_rank(group, groups);
  if (rank >= size.subnets * column_groups * row_groups) {
    return;
  }
  let subnet = rank / (column_groups * row_groups);
  let first_row = rank / column_groups % row_groups * tile_rows;
  let first_column = rank % column_groups * COLUMNS;
  let column = index % COLUMNS;
  let tile = index / COLUMNS * ROWS;

  var shift = 0.0;
  if (NORMALIZE) {
    if (index < tile_rows) {
      shift = dot(element(subnet, min(first_row + index, last), 0u), vec4f(0.25));
      means[index] = shift;
    }
    workgroupBarrier();
  }

  var sum = 0.0;
  var squares = 0.0;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  for (var step = 0u; step < size.k4; step += DEPTH) {
    for (var i = index; i < tile_rows * DEPTH; i += SIZE) {
      let k = step + i % DEPTH;
      var value = vec4f();
      if (k < size.k4) {
        value = element(subnet, min(first_row + i / DEPTH, last), k);
        if (NORMALIZE) {
          value -= means[i / DEPTH];
        }
      }
      row_step[i] = Real4(value);
    }
    for (var i = index; i < 4u * DEPTH * COLUMNS; i += SIZE) {
      let k = 4u * step + i / COLUMNS;
      var value = vec4f();
      if (k < 4u * size.k4) {
        let at = (subnet * 4u * size.k4 + k) * size.n4 + min(first_column + i % COLUMNS, size.n4 - 1u);
        value = widen(weight[at]);
      }
      weight_step[i] = Real4(value);
    }
    workgroupBarrier();

    if (NORMALIZE) {
      if (index < tile_rows) {
        for (var k = 0u; k < DEPTH; k++) {
          let value = vec4f(row_step[index * DEPTH + k]);
          sum += dot(value, vec4f(1.0));
          squares += dot(value, value);
        }
      }
    }
    var p0 = Real4();
    var p1 = Real4();
    var p2 = Real4();
    var p3 = Real4();
    var p4 = Real4();
    var p5 = Real4();
    var p6 = Real4();
    var p7 = Real4();
    for (var k = 0u; k < DEPTH; k++) {
      let w = 4u * k * COLUMNS + column;
      let weights = Reals(weight_step[w], weight_step[w + COLUMNS], weight_step[w + 2u * COLUMNS],
                          weight_step[w + 3u * COLUMNS]);
      let v = tile * DEPTH + k;
      p0 = multiply_add_real(row_step[v], weights, p0);
      p1 = multiply_add_real(row_step[v + DEPTH], weights, p1);
      p2 = multiply_add_real(row_step[v + 2u * DEPTH], weights, p2);
      p3 = multiply_add_real(row_step[v + 3u * DEPTH], weights, p3);
      p4 = multiply_add_real(row_step[v + 4u * DEPTH], weights, p4);
      p5 = multiply_add_real(row_step[v + 5u * DEPTH], weights, p5);
      p6 = multiply_add_real(row_step[v + 6u * DEPTH], weights, p6);
      p7 = multiply_add_real(row_step[v + 7u * DEPTH], weights, p7);
    }
    s0 += vec4f(p0);
    s1 += vec4f(p1);
    s2 += vec4f(p2);
    s3 += vec4f(p3);
    s4 += vec4f(p4);
    s5 += vec4f(p5);
    s6 += vec4f(p6);
    s7 += vec4f(p7);
    workgroupBarrier();
  }

  if (NORMALIZE) {
    if (index < tile_rows) {
      let mean = sum / f32(4u * size.k4);
      means[index] = mean;
      factors[index] = deviation_factor(squares, mean);
    }
    workgroupBarrier();
  }
  if (first_column + column >= size.n4) {
    return;
  }
  var sums = array<vec4f, ROWS>(s0, s1, s2, s3, s4, s5, s6, s7);
  for (var r = 0u; r < ROWS; r++) {
    let row = first_row + tile + r;
    if (row <= last) {
      store(subnet, row, first_column + column, sums[r], means[tile + r], factors[tile + r]);
    }
  }
}
