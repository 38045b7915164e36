// y[b, t, c] = x[b, t, c] * gates[b, c]
//
//   x, y   [faces, tokens, C]
//   gates  [faces, C]
//
// One invocation computes four channels of one token.

struct Sizes {
  tokens: u32,
  c4: u32, // C / 4
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> gates: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn excite(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let at = group_rank(group, groups) * 64u + index;
  let face = at / (size.tokens * size.c4);
  if (face >= run.faces) {
    return;
  }
  y[at] = x[at] * gates[face * size.c4 + at % size.c4];
}
