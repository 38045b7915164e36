// y[b, t, :] = LayerNorm( sum over the patch of image[b, c, py, px] * weight[(c, py, px), :] + bias )
//
//   image   [faces, 3, SIZE, SIZE]
//   weight  [3 * PATCH * PATCH, C]   transposed from the checkpoint's [C, 3, PATCH, PATCH]
//   bias, scale, shift [C]
//   y       [faces, (SIZE / PATCH)^2, C]
//
// One invocation computes one token, all channels of it, so that the two passes of the LayerNorm need no other.
// Sizes of private arrays must be constants: CHANNELS4 = C / 4 and PATCH come from the generated prelude.

override SIZE: u32;
override EPSILON: f32;

const TAPS = 3u * PATCH * PATCH;

@group(0) @binding(1) var<storage, read> image: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> scale: array<vec4f>;
@group(0) @binding(5) var<storage, read> shift: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn patch_embed(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let side = SIZE / PATCH;
  let row = group_rank(group, groups) * 64u + index;
  if (row >= run.faces * side * side) {
    return;
  }
  let face = row / (side * side);
  let top = row % (side * side) / side * PATCH;
  let left = row % side * PATCH;

  var pixels: array<f32, TAPS>;
  for (var tap = 0u; tap < TAPS; tap++) {
    let channel = tap / (PATCH * PATCH);
    let line = top + tap / PATCH % PATCH;
    pixels[tap] = image[((face * 3u + channel) * SIZE + line) * SIZE + left + tap % PATCH];
  }

  var values: array<vec4f, CHANNELS4>;
  var total = vec4f();
  for (var c = 0u; c < CHANNELS4; c++) {
    var sum = bias[c];
    for (var tap = 0u; tap < TAPS; tap++) {
      sum = fma(vec4f(pixels[tap]), weight[tap * CHANNELS4 + c], sum);
    }
    values[c] = sum;
    total += sum;
  }
  let mean = dot(total, vec4f(1.0)) / f32(4u * CHANNELS4);
  var squares = vec4f();
  for (var c = 0u; c < CHANNELS4; c++) {
    let deviation = values[c] - mean;
    squares = fma(deviation, deviation, squares);
  }
  let factor = inverseSqrt(dot(squares, vec4f(1.0)) / f32(4u * CHANNELS4) + EPSILON);
  for (var c = 0u; c < CHANNELS4; c++) {
    y[row * CHANNELS4 + c] = fma((values[c] - mean) * factor, scale[c], shift[c]);
  }
}
