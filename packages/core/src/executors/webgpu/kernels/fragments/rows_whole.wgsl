// Rows that lie in x as they are: x [S, capacity, K], or with MERGE a token map [faces, side * side, K / 4] whose 2x2
// squares are the rows.

override MERGE: bool = false;

/// Sizes are uniforms and variants are overrides, so that a network needs half a dozen pipelines and not one per layer.
struct Sizes {
  subnets: u32,  // S
  tokens: u32,   // rows of one face
  capacity: u32, // rows of maxFaces faces
  k4: u32,       // K / 4
  n4: u32,       // N / 4
  r4: u32,       // R / 4, of the residual
  side: u32,     // of the token map that MERGE reads
}

/// Where a row starts in x.
alias Row = u32;
alias Start = u32;

fn row_of(subnet: u32, row: u32) -> Row {
  if (!MERGE) {
    return (subnet * size.capacity + row) * size.k4;
  }
  let half = size.side / 2u;
  let face = row / size.tokens;
  let token = row % size.tokens;
  return ((face * size.side + 2u * (token / half)) * size.side + 2u * (token % half)) * (size.k4 / 4u);
}

/// A row is summed in so many segments, each without a gap in x.
fn segments() -> u32 {
  return select(1u, 4u, MERGE);
}

/// First vector of a segment: of the whole row, or of the pixel (row, column) = (0,0), (1,0), (0,1), (1,1) of its square.
fn start_of(row: Row, segment: u32) -> Start {
  if (!MERGE) {
    return row;
  }
  return row + (segment % 2u * size.side + segment / 2u) * (size.k4 / 4u);
}

fn element_of(start: Start, k: u32) -> vec4f {
  return x[start + k];
}
