// y[b, (i, j), c] = image[b, c, (i, j)], and zeros for the channels that fill up the last four
//
//   image  [faces, channels, pixels]
//   y      [faces, pixels, C]
//
// One invocation computes four channels of one token.

struct Sizes {
  channels: u32,
  pixels: u32,
  c4: u32, // C / 4
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> image: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn image_tokens(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let at = group_rank(group, groups) * 64u + index;
  let channel = at % size.c4 * 4u;
  let pixel = at / size.c4 % size.pixels;
  let face = at / size.c4 / size.pixels;
  if (face >= run.faces) {
    return;
  }
  let start = (face * size.channels + channel) * size.pixels + pixel;
  var value = vec4f(image[start], 0.0, 0.0, 0.0);
  if (channel + 1u < size.channels) {
    value.y = image[start + size.pixels];
  }
  if (channel + 2u < size.channels) {
    value.z = image[start + 2u * size.pixels];
  }
  if (channel + 3u < size.channels) {
    value.w = image[start + 3u * size.pixels];
  }
  y[at] = value;
}
