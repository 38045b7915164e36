// y[t, c] = x[t, c] without what fills rows of x up to fours, for the eyes of others
//
//   x  [tokens of all faces, stride]
//   y  [tokens of all faces, width]
//
// One invocation computes one number.

struct Sizes {
  numbers: u32, // of one face
  width: u32,
  stride: u32,
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn dense_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let at = group_rank(group, groups) * 64u + index;
  if (at < run.faces * size.numbers) {
    y[at] = x[at / size.width * size.stride + at % size.width];
  }
}
