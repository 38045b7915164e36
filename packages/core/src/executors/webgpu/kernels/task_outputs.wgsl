// y[b, r] = weight[r, :] . x[subnets[r], b, :] + bias[r]
//
//   x        [S, FACES, F]
//   weight   [R, F]
//   bias     [R]
//   subnets  [R]          which subnet of the stack a logit belongs to
//   y        [faces, R]
//
// One invocation computes one logit of one face.

override FACES: u32; // maxFaces
override F4: u32;    // F / 4
override R: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> subnets: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn task_outputs(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let at = group_rank(group, groups) * 64u + index;
  let face = at / R;
  let r = at % R;
  if (face >= run.faces) {
    return;
  }
  var sum = vec4f();
  for (var f = 0u; f < F4; f++) {
    sum = fma(weight[r * F4 + f], x[(subnets[r] * FACES + face) * F4 + f], sum);
  }
  y[at] = dot(sum, vec4f(1.0)) + bias[r];
}
