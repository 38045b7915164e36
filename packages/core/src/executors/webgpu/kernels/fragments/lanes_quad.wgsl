// Four neighbouring invocations, a quad, work on the same rows: each loads one of four rows and hands it to the others,
// so that a quarter of the loads do. Needs the feature `subgroups`, and that neighbours by local index are a quad, which
// WGSL does not promise: where it did not hold, results would be wrong, so this is only chosen where it was seen to hold.

const LANES = 4u;

/// The row of this invocation.
alias Rows = Row;
/// Where in x it starts.
alias Starts = Start;
/// A number of the row of this invocation.
alias PerRow = f32;
/// One vector of the row of this invocation.
alias Held = vec4f;

/// One of four rows from `first` on; rows past the last repeat it and are not stored.
fn rows_from(subnet: u32, first: u32, last: u32, lane: u32) -> Rows {
  return row_of(subnet, min(first + lane, last));
}

fn starts_of(row: Rows, segment: u32) -> Starts {
  return start_of(row, segment);
}

fn fetch(start: Starts, k: u32) -> Held {
  return element_of(start, k);
}

fn minus(held: Held, shift: PerRow) -> Held {
  return held - shift;
}

fn sum_of(held: Held) -> PerRow {
  return dot(held, vec4f(1.0));
}

fn squares_of(held: Held) -> PerRow {
  return dot(held, held);
}

/// The vectors of all four rows.
fn four(held: Held) -> Four {
  return Four(quadBroadcast(held, 0u), quadBroadcast(held, 1u), quadBroadcast(held, 2u), quadBroadcast(held, 3u));
}

/// The numbers of all four rows.
fn each(value: PerRow) -> vec4f {
  return vec4f(quadBroadcast(value, 0u), quadBroadcast(value, 1u), quadBroadcast(value, 2u), quadBroadcast(value, 3u));
}
