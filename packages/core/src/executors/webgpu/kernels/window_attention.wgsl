// For every head of every window:  y[q, :] = sum_k softmax_k( (q . k) / sqrt(D) + table[q - k] + mask[q, k] ) * v[k, :]
//
//   qkv    [faces, side * side, 3 * C]   [q | k | v], each split into `heads` heads of D = 4 * HEAD4 channels
//   table  [(2 WINDOW - 1)^2, heads]     bias by relative position, query - key
//   y      [faces, side * side, C]
//
// Windows lie on the map rolled by -shift in both directions (Swin Transformer, arXiv:2103.14030, section 3.2): window
// partition, roll and their inverses are the index arithmetic of `token_at`. Tokens that were not neighbours before the
// roll do not see each other: -100 is added, as in the checkpoint's own mask.
//
// One invocation computes one query of one head, in a single pass over the keys, a line of the window at a time: the
// running maximum is subtracted before exp, and what was summed under an older maximum is rescaled (arXiv:1805.02867).
// A head's channels are members of a struct rather than elements of an array, because not every compiler keeps arrays
// in registers. Neighbouring invocations compute queries of one window, so `load_key` may let them share their loads.
// LANES is how many stay together in one window for that.

override HEAD4: u32; // D / 4, at most 8

struct Sizes {
  side: u32,  // of the token map
  heads: u32,
  shift: u32,
}

const WINDOW = 7u;
const QUERIES = (WINDOW * WINDOW + LANES - 1u) / LANES * LANES;

@group(0) @binding(1) var<uniform> size: Sizes;
@group(0) @binding(2) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(3) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

/// The channels of one head of one token; members past HEAD4 stay zero.
struct Head {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
  e: vec4f,
  f: vec4f,
  g: vec4f,
  h: vec4f,
}

fn load(at: u32) -> Head {
  var head: Head;
  head.a = qkv[at];
  if (HEAD4 > 1u) { head.b = qkv[at + 1u]; }
  if (HEAD4 > 2u) { head.c = qkv[at + 2u]; }
  if (HEAD4 > 3u) { head.d = qkv[at + 3u]; }
  if (HEAD4 > 4u) { head.e = qkv[at + 4u]; }
  if (HEAD4 > 5u) { head.f = qkv[at + 5u]; }
  if (HEAD4 > 6u) { head.g = qkv[at + 6u]; }
  if (HEAD4 > 7u) { head.h = qkv[at + 7u]; }
  return head;
}

fn store(at: u32, head: Head) {
  y[at] = head.a;
  if (HEAD4 > 1u) { y[at + 1u] = head.b; }
  if (HEAD4 > 2u) { y[at + 2u] = head.c; }
  if (HEAD4 > 3u) { y[at + 3u] = head.d; }
  if (HEAD4 > 4u) { y[at + 4u] = head.e; }
  if (HEAD4 > 5u) { y[at + 5u] = head.f; }
  if (HEAD4 > 6u) { y[at + 6u] = head.g; }
  if (HEAD4 > 7u) { y[at + 7u] = head.h; }
}

fn scaled(head: Head, factor: f32) -> Head {
  return Head(head.a * factor, head.b * factor, head.c * factor, head.d * factor,
              head.e * factor, head.f * factor, head.g * factor, head.h * factor);
}

/// sum + head * factor
fn multiply_add(head: Head, factor: f32, sum: Head) -> Head {
  let f = vec4f(factor);
  return Head(fma(head.a, f, sum.a), fma(head.b, f, sum.b), fma(head.c, f, sum.c), fma(head.d, f, sum.d),
              fma(head.e, f, sum.e), fma(head.f, f, sum.f), fma(head.g, f, sum.g), fma(head.h, f, sum.h));
}

fn dot_product(q: Head, k: Head) -> f32 {
  let sum = fma(q.h, k.h, fma(q.g, k.g, fma(q.f, k.f, fma(q.e, k.e, fma(q.d, k.d, fma(q.c, k.c, fma(q.b, k.b, q.a * k.a)))))));
  return dot(sum, vec4f(1.0));
}

/// Token of the map that stands at a (line, column) of the rolled map.
fn token_at(position: vec2u) -> u32 {
  let rolled = position + size.shift;
  let map = select(rolled, rolled - size.side, rolled >= vec2u(size.side));
  return map.x * size.side + map.y;
}

/// Whether a position stands past the seam of the roll, along either axis. Windows are aligned to the rolled map, so the
/// seam is the only border of the mask's regions that runs inside one.
fn past_seam(position: vec2u) -> vec2<bool> {
  return position >= vec2u(size.side - size.shift);
}

/// One head of one window.
struct Window {
  first: u32,    // token of its face's first
  corner: vec2u, // on the rolled map, (line, column)
  head: u32,
}

/// Where the channels of a key start in qkv, or with 49 more of a value; keys are counted line by line.
fn address(window: Window, which: u32) -> u32 {
  let width = size.heads * HEAD4; // C / 4
  let key = which % (WINDOW * WINDOW);
  let token = window.first + token_at(window.corner + vec2u(key / WINDOW, key % WINDOW));
  return (3u * token + 1u + which / (WINDOW * WINDOW)) * width + window.head * HEAD4;
}

/// What is added to the score of a query for a key besides their product: the positional bias and the mask.
fn bias(head: u32, query: vec2u, key: vec2u, corner: vec2u) -> f32 {
  let offset = query + (WINDOW - 1u) - key;
  let value = table[(offset.x * (2u * WINDOW - 1u) + offset.y) * size.heads + head];
  if (size.shift == 0u) {
    return value;
  }
  return select(value, value - 100.0, any(past_seam(corner + query) != past_seam(corner + key)));
}

@compute @workgroup_size(64)
fn window_attention(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let tokens = size.side * size.side;
  let windows = size.side / WINDOW; // along an axis
  let rank = group_rank(group, groups) * 64u + index;
  // Invocations that share keys stay together: queries are counted up to a multiple of them, and none returns early.
  let wide = rank / QUERIES;
  let nth = min(rank % QUERIES, WINDOW * WINDOW - 1u);
  let head = wide % size.heads;
  let place = wide / size.heads % (windows * windows);
  let beyond = wide / size.heads / (windows * windows);
  let face = min(beyond, run.faces - 1u);
  let lane = index % LANES;
  let query = vec2u(nth / WINDOW, nth % WINDOW);
  let corner = vec2u(place / windows, place % windows) * WINDOW;
  let window = Window(face * tokens, corner, head);
  let width = size.heads * HEAD4; // C / 4
  let query_row = face * tokens + token_at(corner + query);
  prepare(window, index);
  let q = scaled(load(query_row * 3u * width + head * HEAD4), 1.0 / sqrt(f32(4u * HEAD4)));

  var sum: Head;
  var total = 0.0;
  // Below every score, and finite because WGSL promises no infinities.
  var peak = -1e30;
  for (var line = 0u; line < WINDOW; line++) {
    var scores: array<f32, WINDOW>;
    var line_peak = peak;
    for (var column = 0u; column < WINDOW; column++) {
      let key = vec2u(line, column);
      let product = dot_product(q, load_key(window, line * WINDOW + column, lane));
      let score = product + bias(head, query, key, corner);
      scores[column] = score;
      line_peak = max(line_peak, score);
    }
    let shrink = exp(peak - line_peak);
    peak = line_peak;
    total *= shrink;
    sum = scaled(sum, shrink);
    for (var column = 0u; column < WINDOW; column++) {
      let share = exp(scores[column] - peak);
      total += share;
      sum = multiply_add(load_key(window, (WINDOW + line) * WINDOW + column, lane), share, sum);
    }
  }
  if (rank % QUERIES < WINDOW * WINDOW && beyond < run.faces) {
    store(query_row * width + head * HEAD4, scaled(sum, 1.0 / total));
  }
}
