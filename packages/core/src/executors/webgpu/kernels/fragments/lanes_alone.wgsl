// Rows are loaded by each invocation for itself, found by the shader's own `row_of`, `start_of` and
// `element_of`. See lanes_quad.wgsl for the other way.

const LANES = 1u;

/// Four rows.
struct Rows {
  a: Row,
  b: Row,
  c: Row,
  d: Row,
}

/// Where in x four rows start.
struct Starts {
  a: Start,
  b: Start,
  c: Start,
  d: Start,
}

/// A number for each of four rows.
alias PerRow = vec4f;
/// One vector of each of four rows.
alias Held = Four;

/// Four rows from `first` on; rows past the last repeat it and are not stored.
fn rows_from(subnet: u32, first: u32, last: u32, lane: u32) -> Rows {
  return Rows(row_of(subnet, min(first, last)), row_of(subnet, min(first + 1u, last)),
              row_of(subnet, min(first + 2u, last)), row_of(subnet, min(first + 3u, last)));
}

fn starts_of(rows: Rows, segment: u32) -> Starts {
  return Starts(start_of(rows.a, segment), start_of(rows.b, segment), start_of(rows.c, segment), start_of(rows.d, segment));
}

fn fetch(starts: Starts, k: u32) -> Held {
  return Four(element_of(starts.a, k), element_of(starts.b, k), element_of(starts.c, k), element_of(starts.d, k));
}

fn minus(held: Held, shift: PerRow) -> Held {
  return Four(held.a - shift.x, held.b - shift.y, held.c - shift.z, held.d - shift.w);
}

fn sum_of(held: Held) -> PerRow {
  let one = vec4f(1.0);
  return vec4f(dot(held.a, one), dot(held.b, one), dot(held.c, one), dot(held.d, one));
}

fn squares_of(held: Held) -> PerRow {
  return vec4f(dot(held.a, held.a), dot(held.b, held.b), dot(held.c, held.c), dot(held.d, held.d));
}

/// The vectors of all four rows.
fn four(held: Held) -> Four {
  return held;
}

/// The numbers of all four rows.
fn each(value: PerRow) -> vec4f {
  return value;
}
