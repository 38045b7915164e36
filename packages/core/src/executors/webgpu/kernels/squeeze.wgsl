// gates[b, c] = sigmoid( expand( silu( reduce( mean over t of x[b, t, :] ) ) ) )[c]
//
//   x       [faces, TOKENS, C]
//   reduce  [HIDDEN, C]   and its bias [HIDDEN]
//   expand  [HIDDEN, C]   transposed from the checkpoint's [C, HIDDEN], and its bias [C]
//   gates   [faces, C]
//
// One workgroup serves one face: an invocation per four channels averages, an invocation per hidden number reduces, and
// an invocation per four channels expands.

override TOKENS: u32;
override C4: u32; // C / 4
override HIDDEN: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> reduce: array<vec4f>;
@group(0) @binding(3) var<storage, read> reduce_bias: array<f32>;
@group(0) @binding(4) var<storage, read> expand: array<vec4f>;
@group(0) @binding(5) var<storage, read> expand_bias: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> gates: array<vec4f>;

var<workgroup> means: array<vec4f, C4>;
var<workgroup> hidden: array<f32, HIDDEN>;

@compute @workgroup_size(64)
fn squeeze(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let face = min(group_rank(group, groups), run.faces - 1u);
  for (var c = index; c < C4; c += 64u) {
    var sum = vec4f();
    for (var token = 0u; token < TOKENS; token++) {
      sum += x[(face * TOKENS + token) * C4 + c];
    }
    means[c] = sum / f32(TOKENS);
  }
  workgroupBarrier();
  for (var r = index; r < HIDDEN; r += 64u) {
    var sum = reduce_bias[r];
    for (var c = 0u; c < C4; c++) {
      sum += dot(reduce[r * C4 + c], means[c]);
    }
    hidden[r] = sum / (1.0 + exp(min(-sum, 80.0)));
  }
  workgroupBarrier();
  for (var c = index; c < C4; c += 64u) {
    var sum = expand_bias[c];
    for (var r = 0u; r < HIDDEN; r++) {
      sum = fma(expand[r * C4 + c], vec4f(hidden[r]), sum);
    }
    gates[face * C4 + c] = 1.0 / (1.0 + exp(min(-sum, vec4f(80.0))));
  }
}
