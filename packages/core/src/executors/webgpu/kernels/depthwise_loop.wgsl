// The sums of depthwise.wgsl for windows so large that their taps written out would take seconds to compile: one token an
// invocation, tap by tap in a loop.

override KERNEL_HEIGHT: u32 = 1u;
override KERNEL_WIDTH: u32 = 1u;

alias Sums = vec4f;

fn sums_of(start: u32, top: i32, left: i32, channel: u32) -> Sums {
  var sum = vec4f();
  for (var i = 0u; i < KERNEL_HEIGHT; i++) {
    let line = u32(top + i32(i));
    if (line < size.height) {
      for (var j = 0u; j < KERNEL_WIDTH; j++) {
        let value = pixel(start + line * size.width * size.c4, left + i32(j));
        sum = fma(value, widen(weight[(i * KERNEL_WIDTH + j) * size.c4 + channel]), sum);
      }
    }
  }
  return sum;
}

fn store_all(sum: Sums, face: u32, line: u32, column: u32, channel: u32) {
  store(face, line, column, channel, sum);
}
