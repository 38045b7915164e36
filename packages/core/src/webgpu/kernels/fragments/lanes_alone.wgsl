// Rows are loaded by each invocation for itself. See lanes_quad.wgsl for the other way.

const LANES = 1u;

/// Where in x four rows start.
alias Starts = vec4u;
/// A number for each of four rows.
alias PerRow = vec4f;
/// One vector of each of four rows.
alias Held = Four;

fn own(starts: vec4u, lane: u32) -> Starts {
  return starts;
}

fn fetch(starts: Starts, k: u32) -> Held {
  return Four(x[starts.x + k], x[starts.y + k], x[starts.z + k], x[starts.w + k]);
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
