// y[t, c] = activation( x[t, c] + other[t, c] )
//
//   x      [tokens of all faces, X]  X <= C; zeros follow
//   other  [tokens of all faces, O]  read only if SUM; O <= C; zeros follow
//   slope  [C]                       of the activation
//   y      [tokens of all faces, C]
//
// One invocation computes four channels of one token.

override SUM: bool = false;

struct Sizes {
  tokens: u32, // of one face
  x4: u32,     // X / 4
  o4: u32,     // O / 4
  c4: u32,     // C / 4
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> other: array<vec4f>;
@group(0) @binding(4) var<storage, read> slope: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn elementwise(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let at = group_rank(group, groups) * 64u + index;
  let channel = at % size.c4;
  let token = at / size.c4;
  if (token >= run.faces * size.tokens) {
    return;
  }
  var value = vec4f();
  if (channel < size.x4) {
    value = x[token * size.x4 + channel];
  }
  if (SUM) {
    if (channel < size.o4) {
      value += other[token * size.o4 + channel];
    }
  }
  y[at] = activate(value, slope[channel]);
}
