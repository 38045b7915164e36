// y[b, (i, j), c] = activation( sum over the taps (di, dj) of x[b, (i, j) * STRIDE - (top, left) + (di, dj), c] * weight[(di, dj), c]
//                               + bias[c] + residual[b, (i, j), c] )
//
//   x         [faces, height * width, C]   zero outside
//   weight    [kernel height * width, C]
//   channels  [C / 4, 3, 4]                of every channel its bias, the scale of its weights, and its slope below zero
//   residual  [faces, lines * columns, R]  read only if RESIDUAL; channels past its R <= C get nothing from it
//   y         [faces, lines * columns, C]
//
// One invocation computes four channels of BLOCK_LINES x BLOCK_COLUMNS tokens, neighbours of which share what they load.
// `Sums`, `sums_of` and `store_all` are depthwise_sums.ts's, which writes out the taps, or those of depthwise_loop.wgsl.

override RESIDUAL: bool = false;
override STRIDE: u32 = 1u;

struct Sizes {
  height: u32, // of the map that is read
  width: u32,
  lines: u32,  // of the result
  columns: u32,
  c4: u32,     // C / 4
  r4: u32,     // R / 4
  top: u32,    // padding
  left: u32,
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> weight: array<Packed>;
@group(0) @binding(4) var<storage, read> channels: array<vec4f>;
@group(0) @binding(5) var<storage, read> residual: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

/// The pixel of a column of a line that starts at `line`.
fn pixel(line: u32, column: i32) -> vec4f {
  let inside = u32(column) < size.width;
  return select(vec4f(), x[line + select(0u, u32(column), inside) * size.c4], inside);
}

fn store(face: u32, line: u32, column: u32, channel: u32, sum: vec4f) {
  if (line >= size.lines || column >= size.columns) {
    return;
  }
  let token = (face * size.lines + line) * size.columns + column;
  let at = 3u * channel;
  var value = fma(sum, channels[at + 1u], channels[at]);
  if (RESIDUAL) {
    if (channel < size.r4) {
      value += residual[token * size.r4 + channel];
    }
  }
  y[token * size.c4 + channel] = activate(value, channels[at + 2u]);
}

@compute @workgroup_size(64)
fn depthwise(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let across = (size.columns + BLOCK_COLUMNS - 1u) / BLOCK_COLUMNS;
  let down = (size.lines + BLOCK_LINES - 1u) / BLOCK_LINES;
  let rank = group_rank(group, groups) * 64u + index;
  let channel = rank % size.c4;
  let column = rank / size.c4 % across * BLOCK_COLUMNS;
  let line = rank / (size.c4 * across) % down * BLOCK_LINES;
  let face = rank / (size.c4 * across * down);
  if (face >= run.faces) {
    return;
  }
  let start = face * size.height * size.width * size.c4 + channel;
  let sums = sums_of(start, i32(line * STRIDE) - i32(size.top), i32(column * STRIDE) - i32(size.left), channel);
  store_all(sums, face, line, column, channel);
}
