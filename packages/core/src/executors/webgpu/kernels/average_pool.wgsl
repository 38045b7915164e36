// y[b, (i, j), c] = mean over the factor x factor square at (i, j) of x[b, :, c]
//
//   x  [faces, side * side, C]
//   y  [faces, (side / factor)^2, C]
//
// One invocation computes four channels of one token.

struct Sizes {
  side: u32,
  factor: u32,
  c4: u32, // C / 4
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn average_pool(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let side = size.side / size.factor;
  let at = group_rank(group, groups) * 64u + index;
  let channel = at % size.c4;
  let token = at / size.c4 % (side * side);
  let face = at / size.c4 / (side * side);
  if (face >= run.faces) {
    return;
  }
  var sum = vec4f();
  for (var line = token / side * size.factor; line < (token / side + 1u) * size.factor; line++) {
    for (var column = token % side * size.factor; column < (token % side + 1u) * size.factor; column++) {
      sum += x[((face * size.side + line) * size.side + column) * size.c4 + channel];
    }
  }
  y[at] = sum / f32(size.factor * size.factor);
}
