// Two kernels that do nothing but arithmetic, and nothing but reading, to see what the adapter can do at best.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

override ROUNDS: u32 = 256;
override STRIDE: u32 = 1;

// 8 independent chains of 4-wide multiply-adds per invocation: ROUNDS * 8 * 4 * 2 floating point operations.
@compute @workgroup_size(64)
fn arithmetic(@builtin(global_invocation_id) id: vec3u) {
  let m = x[0];
  let c = x[1];
  var a0 = m + f32(id.x);
  var a1 = a0 + c;
  var a2 = a1 + c;
  var a3 = a2 + c;
  var a4 = a3 + c;
  var a5 = a4 + c;
  var a6 = a5 + c;
  var a7 = a6 + c;
  for (var i = 0u; i < ROUNDS; i++) {
    a0 = fma(a0, m, c);
    a1 = fma(a1, m, c);
    a2 = fma(a2, m, c);
    a3 = fma(a3, m, c);
    a4 = fma(a4, m, c);
    a5 = fma(a5, m, c);
    a6 = fma(a6, m, c);
    a7 = fma(a7, m, c);
  }
  y[id.x] = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7;
}

// Reads ROUNDS vectors STRIDE apart, so that neighbours read neighbours: ROUNDS * 16 bytes per invocation.
@compute @workgroup_size(64)
fn bandwidth(@builtin(global_invocation_id) id: vec3u) {
  var sum = vec4f();
  for (var i = 0u; i < ROUNDS; i++) {
    sum += x[id.x + i * STRIDE];
  }
  y[id.x] = sum;
}
