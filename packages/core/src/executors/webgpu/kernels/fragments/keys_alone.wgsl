// Keys and values are loaded by each invocation for itself.

const LANES = 1u;

fn prepare(window: Window, index: u32) {}

fn load_key(window: Window, which: u32, lane: u32) -> Head {
  return load(address(window, which));
}
