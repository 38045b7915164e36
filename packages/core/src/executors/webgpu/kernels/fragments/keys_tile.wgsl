// A workgroup computes all queries of one head of one window: it loads the window's keys and values once.

const LANES = 64u;

var<workgroup> shared_keys: array<vec4f, 2u * WINDOW * WINDOW * HEAD4>;

fn prepare(window: Window, index: u32) {
  for (var i = index; i < 2u * WINDOW * WINDOW * HEAD4; i += LANES) {
    let which = i / HEAD4;
    shared_keys[i] = qkv[address(window, which) + i % HEAD4];
  }
  workgroupBarrier();
}

fn load_key(window: Window, which: u32, lane: u32) -> Head {
  let at = which * HEAD4;
  var head: Head;
  head.a = shared_keys[at];
  if (HEAD4 > 1u) { head.b = shared_keys[at + 1u]; }
  if (HEAD4 > 2u) { head.c = shared_keys[at + 2u]; }
  if (HEAD4 > 3u) { head.d = shared_keys[at + 3u]; }
  if (HEAD4 > 4u) { head.e = shared_keys[at + 4u]; }
  if (HEAD4 > 5u) { head.f = shared_keys[at + 5u]; }
  if (HEAD4 > 6u) { head.g = shared_keys[at + 6u]; }
  if (HEAD4 > 7u) { head.h = shared_keys[at + 7u]; }
  return head;
}
