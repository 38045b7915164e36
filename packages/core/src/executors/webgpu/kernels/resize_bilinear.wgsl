// y[b, (i, j), c] = x[b, (p, q), c] between the four nearest tokens, p = (i + 0.5) * height / lines - 0.5 and q alike,
// both clamped to the map
//
//   x  [faces, height * width, C]
//   y  [faces, lines * columns, C]
//
// One invocation computes four channels of one token.

struct Sizes {
  height: u32, // of the map that is read
  width: u32,
  lines: u32,  // of the result
  columns: u32,
  c4: u32,     // C / 4
}

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

/// Where an output reads along one side: the nearest before, the nearest after, and how far it is from the first.
struct Between {
  before: u32,
  after: u32,
  share: f32,
}

/// In whole numbers until the last division, so that a sum of float32 never ends on the wrong side of a token.
fn between(index: u32, sources: u32, results: u32) -> Between {
  let doubled = (2u * index + 1u) * sources;
  let place = max(doubled, results) - results; // times 2 * results
  let before = min(place / (2u * results), sources - 1u);
  let share = f32(place - before * 2u * results) / f32(2u * results);
  return Between(before, min(before + 1u, sources - 1u), share);
}

@compute @workgroup_size(64)
fn resize_bilinear(
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
  let line = between(token / size.columns, size.height, size.lines);
  let column = between(token % size.columns, size.width, size.columns);
  let above = (face * size.height + line.before) * size.width;
  let below = (face * size.height + line.after) * size.width;
  let upper = mix(x[(above + column.before) * size.c4 + channel], x[(above + column.after) * size.c4 + channel],
                  vec4f(column.share));
  let lower = mix(x[(below + column.before) * size.c4 + channel], x[(below + column.after) * size.c4 + channel],
                  vec4f(column.share));
  y[at] = mix(upper, lower, vec4f(line.share));
}
