// gate = sigmoid( mlp(mean over t of x[t, :]) + mlp(max over t of x[t, :]) ),  mlp(v) = W2 relu(W1 v + b1) + b2
// y[s, b, :] = max over t of relu(x[s, b, t, :] * gate)     per subnet s and face b (SwinFace Fig. 3; CBAM, arXiv:1807.06521)
//
//   x        [S, FACES, TOKENS, F]
//   weight1  [S, HIDDEN, F]
//   bias1    [S, HIDDEN]
//   weight2  [S, HIDDEN, F]   transposed from the checkpoint's [F, HIDDEN]
//   bias2    [S, F]
//   y        [S, FACES, F]
//
// The gate is positive, so the maximum of the products is the gate times the maximum, which is known already; and the
// second layer is linear, so the two hidden vectors are added before it.
// One workgroup serves one face in one subnet: an invocation per four channels, then per hidden unit, then per four channels.

override S: u32;
override FACES: u32;   // maxFaces
override TOKENS: u32;
override F4: u32;      // F / 4
override HIDDEN: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight1: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias1: array<f32>;
@group(0) @binding(4) var<storage, read> weight2: array<vec4f>;
@group(0) @binding(5) var<storage, read> bias2: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

var<workgroup> means: array<vec4f, F4>;
var<workgroup> peaks: array<vec4f, F4>;
var<workgroup> hidden: array<f32, HIDDEN>;

@compute @workgroup_size(64)
fn channel_attention_pool(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let rank = min(group_rank(group, groups), S * run.faces - 1u);
  let subnet = rank / run.faces;
  let row = subnet * FACES + rank % run.faces;

  for (var f = index; f < F4; f += 64u) {
    var sum = vec4f();
    var peak = x[row * TOKENS * F4 + f];
    for (var token = 0u; token < TOKENS; token++) {
      let value = x[(row * TOKENS + token) * F4 + f];
      sum += value;
      peak = max(peak, value);
    }
    means[f] = sum / f32(TOKENS);
    peaks[f] = peak;
  }
  workgroupBarrier();
  for (var h = index; h < HIDDEN; h += 64u) {
    var of_mean = vec4f();
    var of_peak = vec4f();
    for (var f = 0u; f < F4; f++) {
      let w = weight1[(subnet * HIDDEN + h) * F4 + f];
      of_mean = fma(w, means[f], of_mean);
      of_peak = fma(w, peaks[f], of_peak);
    }
    let b = bias1[subnet * HIDDEN + h];
    hidden[h] = max(dot(of_mean, vec4f(1.0)) + b, 0.0) + max(dot(of_peak, vec4f(1.0)) + b, 0.0);
  }
  workgroupBarrier();
  for (var f = index; f < F4; f += 64u) {
    var sum = 2.0 * bias2[subnet * F4 + f];
    for (var h = 0u; h < HIDDEN; h++) {
      sum = fma(vec4f(hidden[h]), weight2[(subnet * HIDDEN + h) * F4 + f], sum);
    }
    // Clamped because exp(88.8) is past float32 and WGSL promises no infinities.
    let gate = 1.0 / (1.0 + exp(-clamp(sum, vec4f(-80.0), vec4f(80.0))));
    y[row * F4 + f] = gate * max(peaks[f], vec4f());
  }
}
