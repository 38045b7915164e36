// y[s, b, (i, j), offset + o] = sum over di, dj in -1..1 and c of x[b, (i + di, j + dj), c] * weight[(di, dj), c, (s, o)]
//
//   x       [faces, 7 * 7, C]      one token map for all subnets; zero outside
//   weight  [3 * 3, C, N]          N = S * outputs columns of all subnets side by side, padded with zeros to 4 * n4
//   scales  [N]                    what makes a column's sums of stored weights good
//   y       [S, maxFaces, 7 * 7, width]  these `outputs` channels stand at `offset`: the concatenation of the levels
//
// An implicit matrix product: 7 * 7 rows, 9 * C deep. One invocation computes one line of the map (7 tokens) for 4
// columns in registers; each token it loads serves the three horizontal taps. Lines above and below the map are skipped.

struct Sizes {
  subnets: u32, // S
  faces: u32,   // maxFaces
  c4: u32,      // C / 4
  outputs: u32,
  n4: u32,
  width: u32,
  offset: u32,
}

const SIDE = 7u;

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> weight: array<Packed>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

/// Rows are the tokens of a line, from its start on.
alias Row = u32;
alias Start = u32;

fn row_of(subnet: u32, token: u32) -> Row {
  return token * size.c4;
}

fn start_of(row: Row, segment: u32) -> Start {
  return row;
}

fn element_of(start: Start, k: u32) -> vec4f {
  return x[start + k];
}

/// Four rows of the weights' matrix, from `at` on.
fn weights_at(at: u32) -> Four {
  let n4 = size.n4;
  return Four(widen(weight[at]), widen(weight[at + n4]), widen(weight[at + 2u * n4]), widen(weight[at + 3u * n4]));
}

/// Four neighbouring columns may belong to two subnets, and their boundary need not be a multiple of four.
fn store(face: u32, token: u32, column: u32, sum: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    let n = 4u * column + i;
    if (n < size.subnets * size.outputs) {
      y[((n / size.outputs * size.faces + face) * SIDE * SIDE + token) * size.width + size.offset + n % size.outputs] =
        sum[i] * scales[n];
    }
  }
}

@compute @workgroup_size(64)
fn conv3x3(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let rank = group_rank(group, groups) * 64u + index;
  let n4 = size.n4;
  let c4 = size.c4;
  // A quad stays together: columns are counted up to a multiple of it, none returns early, and nothing outside is stored.
  let width_of_line = (n4 + LANES - 1u) / LANES * LANES;
  let column = rank % width_of_line;
  let line = rank / width_of_line % SIDE;
  let face = rank / width_of_line / SIDE;
  let lane = index % LANES;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();

  let first = select(0u, 1u, line == 0u);
  let end = select(3u, 2u, line == SIDE - 1u);
  let step = 4u * c4 * n4; // from a tap's weights to the next tap's
  // Of the seven tokens of a line the last stands twice, to make two fours.
  let near = starts_of(rows_from(0u, 0u, SIDE - 1u, lane), 0u);
  let far = starts_of(rows_from(0u, 4u, SIDE - 1u, lane), 0u);
  for (var tap = first; tap < end; tap++) {
    let v = (min(face, run.faces - 1u) * SIDE + line + tap - 1u) * SIDE * c4;
    var w = 3u * tap * step + min(column, n4 - 1u);
    for (var c = 0u; c < c4; c++) {
      let p = four(fetch(near, v + c));
      let q = four(fetch(far, v + c));

      let left = weights_at(w);
      s1 = multiply_add(p.a, left, s1);
      s2 = multiply_add(p.b, left, s2);
      s3 = multiply_add(p.c, left, s3);
      s4 = multiply_add(p.d, left, s4);
      s5 = multiply_add(q.a, left, s5);
      s6 = multiply_add(q.b, left, s6);

      let middle = weights_at(w + step);
      s0 = multiply_add(p.a, middle, s0);
      s1 = multiply_add(p.b, middle, s1);
      s2 = multiply_add(p.c, middle, s2);
      s3 = multiply_add(p.d, middle, s3);
      s4 = multiply_add(q.a, middle, s4);
      s5 = multiply_add(q.b, middle, s5);
      s6 = multiply_add(q.c, middle, s6);

      let right = weights_at(w + 2u * step);
      s0 = multiply_add(p.b, right, s0);
      s1 = multiply_add(p.c, right, s1);
      s2 = multiply_add(p.d, right, s2);
      s3 = multiply_add(q.a, right, s3);
      s4 = multiply_add(q.b, right, s4);
      s5 = multiply_add(q.c, right, s5);
      w += 4u * n4;
    }
  }

  if (face >= run.faces || column >= n4) {
    return;
  }
  var sums = array<vec4f, SIDE>(s0, s1, s2, s3, s4, s5, s6);
  for (var j = 0u; j < SIDE; j++) {
    store(face, line * SIDE + j, column, sums[j]);
  }
}
