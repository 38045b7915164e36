// The product in registers; product_common.wgsl has the formula and the layouts.
//
// One invocation computes 4 * FOURS rows x 4 columns: with 8 rows, 12 loads (6 where a quad shares them) feed 32 vector
// multiply-adds. Nothing is shared in a workgroup, so there are no barriers.

/// Fours of rows that one invocation computes: 1, 2 or 4.
override FOURS: u32 = 2u;

/// Sums over k of a row and of its squares.
struct Moments {
  sum: PerRow,
  squares: PerRow,
}

/// Of four rows.
fn shift_of(rows: Rows) -> PerRow {
  if (!NORMALIZE) {
    return PerRow();
  }
  return sum_of(fetch(starts_of(rows, 0u), 0u)) * 0.25;
}

fn shifted(held: Held, shift: PerRow) -> Held {
  if (!NORMALIZE) {
    return held;
  }
  return minus(held, shift);
}

fn measured(held: Held, moments: Moments) -> Moments {
  if (!NORMALIZE) {
    return moments;
  }
  return Moments(moments.sum + sum_of(held), moments.squares + squares_of(held));
}

fn store_four(subnet: u32, row: u32, last: u32, column: u32, sums: Four, moments: Moments) {
  let means = each(moments.sum) / f32(4u * size.k4);
  let squares = each(moments.squares);
  if (column >= size.n4 || subnet >= size.subnets) {
    return;
  }
  // Once per invocation, so a loop over an array costs nothing here and keeps the shader small.
  var values = array<vec4f, 4>(sums.a, sums.b, sums.c, sums.d);
  for (var r = 0u; r < 4u; r++) {
    if (row + r <= last) {
      store(subnet, row + r, column, values[r], means[r], deviation_factor(squares[r], means[r]));
    }
  }
}

@compute @workgroup_size(64)
fn product(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let rows = run.faces * size.tokens;
  let last = rows - 1u;
  let tiles = (rows + 4u * FOURS - 1u) / (4u * FOURS);
  // A quad stays together: columns are counted up to a multiple of it, and those past the end are not stored.
  let width = (size.n4 + LANES - 1u) / LANES * LANES;
  let rank = group_rank(group, groups) * 64u + index;
  let column = rank % width;
  let row = rank / width % tiles * 4u * FOURS;
  let subnet = rank / (width * tiles);
  let lane = index % LANES;
  // Nobody leaves early either: a quad needs all four.
  let s = min(subnet, size.subnets - 1u);

  let n4 = size.n4;
  let length = size.k4 / segments();
  let rows0 = rows_from(s, row, last, lane);
  let rows1 = rows_from(s, row + 4u, last, lane);
  let rows2 = rows_from(s, row + 8u, last, lane);
  let rows3 = rows_from(s, row + 12u, last, lane);
  let shift0 = shift_of(rows0);
  let shift1 = shift_of(rows1);
  let shift2 = shift_of(rows2);
  let shift3 = shift_of(rows3);
  var moments0: Moments;
  var moments1: Moments;
  var moments2: Moments;
  var moments3: Moments;
  var sums0: Four;
  var sums1: Four;
  var sums2: Four;
  var sums3: Four;
  var w = s * 4u * size.k4 * n4 + min(column, n4 - 1u);
  for (var segment = 0u; segment < segments(); segment++) {
    let starts0 = starts_of(rows0, segment);
    let starts1 = starts_of(rows1, segment);
    let starts2 = starts_of(rows2, segment);
    let starts3 = starts_of(rows3, segment);
    for (var k = 0u; k < length; k++) {
      let weights = Four(widen(weight[w]), widen(weight[w + n4]), widen(weight[w + 2u * n4]), widen(weight[w + 3u * n4]));
      w += 4u * n4;
      let held0 = shifted(fetch(starts0, k), shift0);
      moments0 = measured(held0, moments0);
      sums0 = multiply_add_four(four(held0), weights, sums0);
      if (FOURS > 1u) {
        let held1 = shifted(fetch(starts1, k), shift1);
        moments1 = measured(held1, moments1);
        sums1 = multiply_add_four(four(held1), weights, sums1);
      }
      if (FOURS > 2u) {
        let held2 = shifted(fetch(starts2, k), shift2);
        moments2 = measured(held2, moments2);
        sums2 = multiply_add_four(four(held2), weights, sums2);
        let held3 = shifted(fetch(starts3, k), shift3);
        moments3 = measured(held3, moments3);
        sums3 = multiply_add_four(four(held3), weights, sums3);
      }
    }
  }

  store_four(subnet, row, last, column, sums0, moments0);
  if (FOURS > 1u) {
    store_four(subnet, row + 4u, last, column, sums1, moments1);
  }
  if (FOURS > 2u) {
    store_four(subnet, row + 8u, last, column, sums2, moments2);
    store_four(subnet, row + 12u, last, column, sums3, moments3);
  }
}
