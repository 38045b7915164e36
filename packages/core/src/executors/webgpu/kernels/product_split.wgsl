// The product with K split among the invocations of a workgroup, after product.wgsl, whose functions it uses; for few rows.
//
// A workgroup computes 8 rows x 32 columns. Each of its 64 invocations computes all 8 rows x 4 columns of them, but only every
// eighth vector of K; then the eight slices are added through workgroup memory. So the same sum keeps eight times as many
// invocations busy, each for an eighth of the time, which is what a wide device lacks where there are few rows and a
// long K. Neighbours read neighbouring columns, and slices neighbouring vectors of a row.

const SPLIT_ROWS = 8u;
/// As many as rows, so that every invocation finishes one vector of the result.
const SLICES = 8u;
const SPLIT_COLUMNS = 8u; // vectors of four

/// The sum of row r and a column in slice s is at r * 64 + s * SPLIT_COLUMNS + column.
var<workgroup> partial_sums: array<vec4f, 64u * SPLIT_ROWS>;
/// Of every slice two vectors each of the rows' sums and squares.
var<workgroup> partial_moments: array<vec4f, 4u * SLICES>;

fn keep(index: u32, sums0: Four, sums1: Four) {
  partial_sums[index] = sums0.a;
  partial_sums[64u + index] = sums0.b;
  partial_sums[128u + index] = sums0.c;
  partial_sums[192u + index] = sums0.d;
  partial_sums[256u + index] = sums1.a;
  partial_sums[320u + index] = sums1.b;
  partial_sums[384u + index] = sums1.c;
  partial_sums[448u + index] = sums1.d;
}

@compute @workgroup_size(64)
fn product_split(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let rows = run.faces * size.tokens;
  let last = rows - 1u;
  let row_groups = (rows + SPLIT_ROWS - 1u) / SPLIT_ROWS;
  let column_groups = (size.n4 + SPLIT_COLUMNS - 1u) / SPLIT_COLUMNS;
  let rank = group_rank(group, groups);
  if (rank >= size.subnets * column_groups * row_groups) {
    return;
  }
  let subnet = rank / (column_groups * row_groups);
  let first_row = rank / column_groups % row_groups * SPLIT_ROWS;
  let column = rank % column_groups * SPLIT_COLUMNS + index % SPLIT_COLUMNS;
  let slice = index / SPLIT_COLUMNS;

  let n4 = size.n4;
  let length = size.k4 / segments();
  let rows0 = rows_from(subnet, first_row, last, 0u);
  let rows1 = rows_from(subnet, first_row + 4u, last, 0u);
  let shift0 = shift_of(rows0);
  let shift1 = shift_of(rows1);
  var moments0: Moments;
  var moments1: Moments;
  var sums0: Four;
  var sums1: Four;
  let base = subnet * 4u * size.k4 * n4 + min(column, n4 - 1u);
  for (var segment = 0u; segment < segments(); segment++) {
    let starts0 = starts_of(rows0, segment);
    let starts1 = starts_of(rows1, segment);
    for (var k = slice; k < length; k += SLICES) {
      let w = base + (segment * length + k) * 4u * n4;
      let weights = Four(widen(weight[w]), widen(weight[w + n4]), widen(weight[w + 2u * n4]), widen(weight[w + 3u * n4]));
      let held0 = shifted(fetch(starts0, k), shift0);
      moments0 = measured(held0, moments0);
      sums0 = multiply_add_four(four(held0), weights, sums0);
      let held1 = shifted(fetch(starts1, k), shift1);
      moments1 = measured(held1, moments1);
      sums1 = multiply_add_four(four(held1), weights, sums1);
    }
  }
  keep(index, sums0, sums1);
  if (NORMALIZE) {
    if (index % SPLIT_COLUMNS == 0u) {
      partial_moments[4u * slice] = moments0.sum;
      partial_moments[4u * slice + 1u] = moments1.sum;
      partial_moments[4u * slice + 2u] = moments0.squares;
      partial_moments[4u * slice + 3u] = moments1.squares;
    }
  }
  workgroupBarrier();

  let r = index / SPLIT_COLUMNS;
  let row = first_row + r;
  if (row > last || column >= n4) {
    return;
  }
  var sum = vec4f();
  for (var s = 0u; s < SLICES; s++) {
    sum += partial_sums[64u * r + SPLIT_COLUMNS * s + index % SPLIT_COLUMNS];
  }
  var row_sum = 0.0;
  var row_squares = 0.0;
  if (NORMALIZE) {
    for (var s = 0u; s < SLICES; s++) {
      row_sum += partial_moments[4u * s + r / 4u][r % 4u];
      row_squares += partial_moments[4u * s + 2u + r / 4u][r % 4u];
    }
  }
  let mean = row_sum / f32(4u * size.k4);
  store(subnet, row, column, sum, mean, deviation_factor(row_squares, mean));
}
