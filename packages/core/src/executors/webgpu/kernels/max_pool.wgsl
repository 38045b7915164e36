// y[b, (i, j), c] = maximum over the window at (i, j) of x[b, :, c], what lies outside the map left out
//
//   x  [faces, height * width, C]
//   y  [faces, lines * columns, C]
//
// One invocation computes four channels of one token.

override KERNEL_HEIGHT: u32 = 2u;
override KERNEL_WIDTH: u32 = 2u;
override STRIDE: u32 = 2u;

struct Sizes {
  height: u32, // of the map that is read
  width: u32,
  lines: u32,  // of the result
  columns: u32,
  c4: u32,     // C / 4
  top: u32,    // padding
  left: u32,
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn max_pool(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let at = group_rank(group, groups) * 64u + index;
  let channel = at % size.c4;
  let token = at / size.c4 % (size.lines * size.columns);
  let face = at / size.c4 / (size.lines * size.columns);
  if (face >= run.faces) {
    return;
  }
  let top = i32(token / size.columns * STRIDE) - i32(size.top);
  let left = i32(token % size.columns * STRIDE) - i32(size.left);
  let bottom = min(top + i32(KERNEL_HEIGHT), i32(size.height));
  let right = min(left + i32(KERNEL_WIDTH), i32(size.width));
  var value = vec4f(-3.4028234e38);
  for (var line = max(top, 0); line < bottom; line++) {
    for (var column = max(left, 0); column < right; column++) {
      let place = (face * size.height + u32(line)) * size.width + u32(column);
      value = max(value, x[place * size.c4 + channel]);
    }
  }
  y[at] = value;
}
