// y[b, c] = mean over t of x[b, t, c]
//
//   x  [faces, tokens, C]
//   y  [faces, C]
//
// One invocation computes four channels of one face.

struct Sizes {
  tokens: u32,
  c4: u32, // C / 4
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn mean_tokens(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let at = group_rank(group, groups) * 64u + index;
  let face = at / size.c4;
  if (face >= run.faces) {
    return;
  }
  let start = face * size.tokens * size.c4 + at % size.c4;
  var sum = vec4f();
  for (var token = 0u; token < size.tokens; token++) {
    sum += x[start + token * size.c4];
  }
  y[at] = sum / f32(size.tokens);
}
