// y[b, (i, j), c] = mean over the FACTOR x FACTOR square at (i, j) of x[b, :, c]
//
//   x  [faces, SIZE * SIZE, C]
//   y  [faces, (SIZE / FACTOR)^2, C]
//
// One invocation computes four channels of one token.

override SIZE: u32;
override FACTOR: u32;
override C4: u32; // C / 4

@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn average_pool(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let side = SIZE / FACTOR;
  let at = group_rank(group, groups) * 64u + index;
  let channel = at % C4;
  let token = at / C4 % (side * side);
  let face = at / C4 / (side * side);
  if (face >= run.faces) {
    return;
  }
  var sum = vec4f();
  for (var line = token / side * FACTOR; line < (token / side + 1u) * FACTOR; line++) {
    for (var column = token % side * FACTOR; column < (token % side + 1u) * FACTOR; column++) {
      sum += x[((face * SIZE + line) * SIZE + column) * C4 + channel];
    }
  }
  y[at] = sum / f32(FACTOR * FACTOR);
}
