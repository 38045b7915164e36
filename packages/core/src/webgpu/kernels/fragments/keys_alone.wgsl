// Keys and values are loaded by each invocation for itself.

const LANES = 1u;

fn load_key(at: u32, lane: u32) -> Head {
  return load(at);
}
