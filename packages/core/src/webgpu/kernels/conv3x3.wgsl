// y[s, b, (i, j), offset + o] = sum over di, dj in -1..1 and c of x[b, (i + di, j + dj), c] * weight[(di, dj), c, (s, o)]
//
//   x       [faces, 7 * 7, C]      one token map for all subnets; zero outside
//   weight  [3 * 3, C, N]          N = S * outputs columns of all subnets side by side, padded with zeros to 4 * n4
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
@group(0) @binding(3) var<storage, read> weight: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn multiply_add(v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f, sum: vec4f) -> vec4f {
  return fma(vec4f(v.x), w0, fma(vec4f(v.y), w1, fma(vec4f(v.z), w2, fma(vec4f(v.w), w3, sum))));
}

/// Four neighbouring columns may belong to two subnets, and their boundary need not be a multiple of four.
fn store(face: u32, token: u32, column: u32, sum: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    let n = 4u * column + i;
    if (n < size.subnets * size.outputs) {
      y[((n / size.outputs * size.faces + face) * SIDE * SIDE + token) * size.width + size.offset + n % size.outputs] = sum[i];
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
  let column = rank % n4;
  let line = rank / n4 % SIDE;
  let face = rank / n4 / SIDE;
  if (face >= run.faces) {
    return;
  }
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
  for (var tap = first; tap < end; tap++) {
    var v = (face * SIDE + line + tap - 1u) * SIDE * c4;
    var w = 3u * tap * step + column;
    for (var c = 0u; c < c4; c++) {
      let v0 = x[v];
      let v1 = x[v + c4];
      let v2 = x[v + 2u * c4];
      let v3 = x[v + 3u * c4];
      let v4 = x[v + 4u * c4];
      let v5 = x[v + 5u * c4];
      let v6 = x[v + 6u * c4];
      v++;

      let l0 = weight[w];
      let l1 = weight[w + n4];
      let l2 = weight[w + 2u * n4];
      let l3 = weight[w + 3u * n4];
      s1 = multiply_add(v0, l0, l1, l2, l3, s1);
      s2 = multiply_add(v1, l0, l1, l2, l3, s2);
      s3 = multiply_add(v2, l0, l1, l2, l3, s3);
      s4 = multiply_add(v3, l0, l1, l2, l3, s4);
      s5 = multiply_add(v4, l0, l1, l2, l3, s5);
      s6 = multiply_add(v5, l0, l1, l2, l3, s6);

      let m0 = weight[w + step];
      let m1 = weight[w + step + n4];
      let m2 = weight[w + step + 2u * n4];
      let m3 = weight[w + step + 3u * n4];
      s0 = multiply_add(v0, m0, m1, m2, m3, s0);
      s1 = multiply_add(v1, m0, m1, m2, m3, s1);
      s2 = multiply_add(v2, m0, m1, m2, m3, s2);
      s3 = multiply_add(v3, m0, m1, m2, m3, s3);
      s4 = multiply_add(v4, m0, m1, m2, m3, s4);
      s5 = multiply_add(v5, m0, m1, m2, m3, s5);
      s6 = multiply_add(v6, m0, m1, m2, m3, s6);

      let r0 = weight[w + 2u * step];
      let r1 = weight[w + 2u * step + n4];
      let r2 = weight[w + 2u * step + 2u * n4];
      let r3 = weight[w + 2u * step + 3u * n4];
      s0 = multiply_add(v1, r0, r1, r2, r3, s0);
      s1 = multiply_add(v2, r0, r1, r2, r3, s1);
      s2 = multiply_add(v3, r0, r1, r2, r3, s2);
      s3 = multiply_add(v4, r0, r1, r2, r3, s3);
      s4 = multiply_add(v5, r0, r1, r2, r3, s4);
      s5 = multiply_add(v6, r0, r1, r2, r3, s5);
      w += 4u * n4;
    }
  }

  var sums = array<vec4f, SIDE>(s0, s1, s2, s3, s4, s5, s6);
  for (var j = 0u; j < SIDE; j++) {
    store(face, line * SIDE + j, column, sums[j]);
  }
}
