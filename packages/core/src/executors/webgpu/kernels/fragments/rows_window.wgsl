// Rows of a convolution's implicit matrix product, in the place of rows_whole.wgsl: row (face, i, j) is the window at (i, j)
// of a token map x [faces, height * width, C], tap by tap with all channels of each. What lies outside the map is zero.

override KERNEL_HEIGHT: u32 = 1u;
override KERNEL_WIDTH: u32 = 1u;
override STRIDE: u32 = 1u;

struct Sizes {
  subnets: u32,  // 1
  tokens: u32,   // rows of one face: windows
  capacity: u32, // rows of maxFaces faces
  k4: u32,       // C / 4 for every tap
  n4: u32,
  r4: u32,
  height: u32,   // of the map
  width: u32,
  columns: u32,  // windows side by side
  top: u32,      // padding
  left: u32,
}

/// A window: the first token of its face, and its first line and column in the map.
struct Row {
  face: u32,
  line: i32,
  column: i32,
}

/// A line of a window: where its first tap would be in x, and which of its vectors lie inside the map.
struct Start {
  at: u32,
  first: u32,
  end: u32,
}

/// Vectors of a token.
fn depth() -> u32 {
  return size.k4 / (KERNEL_HEIGHT * KERNEL_WIDTH);
}

fn row_of(subnet: u32, row: u32) -> Row {
  let token = row % size.tokens;
  return Row(row / size.tokens * size.height * size.width, i32(token / size.columns * STRIDE) - i32(size.top),
             i32(token % size.columns * STRIDE) - i32(size.left));
}

/// Lines of a window: the tokens of each lie side by side in x.
fn segments() -> u32 {
  return KERNEL_HEIGHT;
}

fn start_of(row: Row, segment: u32) -> Start {
  let line = row.line + i32(segment);
  // Before the first line it is larger than any.
  let inside = u32(line) < size.height;
  let before = u32(max(-row.column, 0));
  let within = u32(clamp(i32(size.width) - row.column, 0, i32(KERNEL_WIDTH)));
  let c4 = depth();
  // Where that is negative, adding the first that lies inside makes it good.
  let at = u32(i32(row.face) + line * i32(size.width) + row.column) * c4;
  return Start(at, before * c4, select(0u, within * c4, inside));
}

fn element_of(start: Start, k: u32) -> vec4f {
  let inside = k >= start.first && k < start.end;
  return select(vec4f(), x[select(0u, start.at + k, inside)], inside);
}
