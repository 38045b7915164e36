// Four neighbouring invocations, a quad, go through the same keys: each loads a quarter of a key's or a value's channels
// and hands it to the others. lanes_quad.wgsl says what that takes.

const LANES = 4u;

fn prepare(window: Window, index: u32) {}

fn load_key(window: Window, which: u32, lane: u32) -> Head {
  let at = address(window, which);
  var head: Head;
  let low = qkv[at + min(lane, HEAD4 - 1u)];
  head.a = quadBroadcast(low, 0u);
  if (HEAD4 > 1u) { head.b = quadBroadcast(low, 1u); }
  if (HEAD4 > 2u) { head.c = quadBroadcast(low, 2u); }
  if (HEAD4 > 3u) { head.d = quadBroadcast(low, 3u); }
  if (HEAD4 > 4u) {
    let high = qkv[at + min(4u + lane, HEAD4 - 1u)];
    head.e = quadBroadcast(high, 0u);
    if (HEAD4 > 5u) { head.f = quadBroadcast(high, 1u); }
    if (HEAD4 > 6u) { head.g = quadBroadcast(high, 2u); }
    if (HEAD4 > 7u) { head.h = quadBroadcast(high, 3u); }
  }
  return head;
}
