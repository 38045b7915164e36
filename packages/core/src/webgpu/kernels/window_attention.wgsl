// For every head of every window:  y[q, :] = sum_k softmax_k( (q . k) / sqrt(D) + table[q - k] + mask[q, k] ) * v[k, :]
//
//   qkv    [faces, SIZE * SIZE, 3 * C]   [q | k | v], each split into HEADS heads of D = 4 * HEAD4 channels
//   table  [(2 WINDOW - 1)^2, HEADS]     bias by relative position, query - key
//   y      [faces, SIZE * SIZE, C]
//
// Windows lie on the map rolled by -SHIFT in both directions (Swin Transformer, arXiv:2103.14030, section 3.2): window
// partition, roll and their inverses are the index arithmetic of `token_at`. Tokens that were not neighbours before the
// roll do not see each other: -100 is added, as in the checkpoint's own mask.
//
// One invocation computes one query of one head, in a single pass over the keys: the running maximum is subtracted
// before exp, and what was summed under an older maximum is rescaled (arXiv:1805.02867).
// Sizes of private arrays must be constants: HEAD4 comes from the generated prelude.

override SIZE: u32;
override WINDOW: u32;
override HEADS: u32;
override SHIFT: u32;
override SCALE: f32; // 1 / sqrt(D)

@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

/// Token of the map that stands at (line, column) of the rolled map.
fn token_at(line: u32, column: u32) -> u32 {
  return (line + SHIFT) % SIZE * SIZE + (column + SHIFT) % SIZE;
}

/// Bands of the rolled map that were neighbours before the roll, along one axis.
fn band(position: u32) -> u32 {
  return select(0u, 1u, position >= SIZE - WINDOW) + select(0u, 1u, position >= SIZE - SHIFT);
}

@compute @workgroup_size(64)
fn window_attention(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let side = SIZE / WINDOW; // windows along an axis
  let rank = group_rank(group, groups) * 64u + index;
  let query = rank % (WINDOW * WINDOW);
  let head = rank / (WINDOW * WINDOW) % HEADS;
  let window = rank / (WINDOW * WINDOW * HEADS) % (side * side);
  let face = rank / (SIZE * SIZE * HEADS);
  if (face >= run.faces) {
    return;
  }
  let top = window / side * WINDOW;
  let left = window % side * WINDOW;
  let query_line = query / WINDOW;
  let query_column = query % WINDOW;
  let query_line_band = band(top + query_line);
  let query_column_band = band(left + query_column);

  let width = HEADS * HEAD4; // C / 4
  let query_row = face * SIZE * SIZE + token_at(top + query_line, left + query_column);
  var q: array<vec4f, HEAD4>;
  var sums: array<vec4f, HEAD4>;
  for (var d = 0u; d < HEAD4; d++) {
    q[d] = qkv[query_row * 3u * width + head * HEAD4 + d] * SCALE;
  }

  // Below every score, and finite because WGSL promises no infinities.
  var peak = -1e30;
  var total = 0.0;
  for (var line = 0u; line < WINDOW; line++) {
    let line_masked = SHIFT > 0u && band(top + line) != query_line_band;
    let table_line = (query_line + WINDOW - 1u - line) * (2u * WINDOW - 1u);
    for (var column = 0u; column < WINDOW; column++) {
      let key_row = face * SIZE * SIZE + token_at(top + line, left + column);
      let key = key_row * 3u * width + width + head * HEAD4;
      var products = vec4f();
      for (var d = 0u; d < HEAD4; d++) {
        products = fma(q[d], qkv[key + d], products);
      }
      var score = dot(products, vec4f(1.0)) + table[(table_line + query_column + WINDOW - 1u - column) * HEADS + head];
      if (SHIFT > 0u && (line_masked || band(left + column) != query_column_band)) {
        score -= 100.0;
      }
      if (score > peak) {
        let shrink = exp(peak - score);
        peak = score;
        total *= shrink;
        for (var d = 0u; d < HEAD4; d++) {
          sums[d] *= shrink;
        }
      }
      let share = exp(score - peak);
      total += share;
      for (var d = 0u; d < HEAD4; d++) {
        sums[d] = fma(vec4f(share), qkv[key + width + d], sums[d]);
      }
    }
  }
  for (var d = 0u; d < HEAD4; d++) {
    y[query_row * width + head * HEAD4 + d] = sums[d] / total;
  }
}
