/// A vector for each of four rows. Members of a struct rather than elements of an array, because not every compiler
/// keeps arrays in registers.
struct Four {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

fn multiply_add(v: vec4f, w: Four, sum: vec4f) -> vec4f {
  return fma(vec4f(v.x), w.a, fma(vec4f(v.y), w.b, fma(vec4f(v.z), w.c, fma(vec4f(v.w), w.d, sum))));
}

/// sum + v w for four rows v of four numbers and a matrix w of four rows.
fn multiply_add_four(v: Four, w: Four, sum: Four) -> Four {
  return Four(multiply_add(v.a, w, sum.a), multiply_add(v.b, w, sum.b),
              multiply_add(v.c, w, sum.c), multiply_add(v.d, w, sum.d));
}
