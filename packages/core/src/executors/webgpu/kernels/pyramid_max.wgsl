// y[b, (block, c)] = maximum over the tokens of a block of x[b, :, c]
//
//   x       [faces, height * width, X]  X = C filled up to fours
//   blocks  [blocks]                    first line, line after the last, first column, column after the last
//   y       [faces, row]                blocks * C, filled up to fours
//
// One invocation computes one channel of one block.

struct Sizes {
  pixels: u32,  // height * width
  width: u32,
  stride: u32,  // X
  channels: u32,
  outputs: u32, // blocks * C
  row: u32,
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> blocks: array<vec4u>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn pyramid_max(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let at = group_rank(group, groups) * 64u + index;
  let output = at % size.row;
  let face = at / size.row;
  if (face >= run.faces) {
    return;
  }
  if (output >= size.outputs) {
    y[at] = 0.0;
    return;
  }
  let block = blocks[output / size.channels];
  var value = -3.4028234e38;
  for (var line = block.x; line < block.y; line++) {
    for (var column = block.z; column < block.w; column++) {
      let token = face * size.pixels + line * size.width + column;
      value = max(value, x[token * size.stride + output % size.channels]);
    }
  }
  y[at] = value;
}
