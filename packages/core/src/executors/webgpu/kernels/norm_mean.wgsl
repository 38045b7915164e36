// y[b, :] = mean over t of LayerNorm(x[b, t, :])
//
//   x  [faces, TOKENS, C]
//   scale, shift [C]
//   y  [faces, C]
//
// One workgroup serves one face: first an invocation per token finds mean and deviation in two passes, then an
// invocation per four channels averages over the tokens.

override TOKENS: u32;
override C4: u32; // C / 4
override EPSILON: f32;

@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> scale: array<vec4f>;
@group(0) @binding(3) var<storage, read> shift: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

var<workgroup> means: array<f32, TOKENS>;
var<workgroup> factors: array<f32, TOKENS>;

@compute @workgroup_size(64)
fn norm_mean(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let face = min(group_rank(group, groups), run.faces - 1u);
  for (var token = index; token < TOKENS; token += 64u) {
    let start = (face * TOKENS + token) * C4;
    var sum = vec4f();
    for (var c = 0u; c < C4; c++) {
      sum += x[start + c];
    }
    let mean = dot(sum, vec4f(1.0)) / f32(4u * C4);
    var squares = vec4f();
    for (var c = 0u; c < C4; c++) {
      let deviation = x[start + c] - mean;
      squares = fma(deviation, deviation, squares);
    }
    means[token] = mean;
    factors[token] = inverseSqrt(dot(squares, vec4f(1.0)) / f32(4u * C4) + EPSILON);
  }
  workgroupBarrier();
  for (var c = index; c < C4; c += 64u) {
    var sum = vec4f();
    for (var token = 0u; token < TOKENS; token++) {
      sum = fma(x[(face * TOKENS + token) * C4 + c] - means[token], vec4f(factors[token]), sum);
    }
    y[face * C4 + c] = fma(sum / f32(TOKENS), scale[c], shift[c]);
  }
}
