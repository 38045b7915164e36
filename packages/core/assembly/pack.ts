/** Rearranges rows into what the tile reads. */
/** Copies `count` numbers, a multiple of four. */
export function copy(from: usize, to: usize, count: i32): void {
  const end = from + <usize>count * 4;
  while (from < end) {
    v128.store(to, v128.load(from));
    from += 16;
    to += 16;
  }
}

/**
 * Eight rows of `k` numbers, a multiple of four, side by side: [8][k] -> [k][8].
 *
 * @param rows addresses of the rows, eight u32
 */
export function interleave8(rows: usize, k: i32, to: usize): void {
  for (let half = 0; half < 2; half++) {
    const r0: usize = load<u32>(rows);
    const r1: usize = load<u32>(rows, 4);
    const r2: usize = load<u32>(rows, 8);
    const r3: usize = load<u32>(rows, 12);
    const bytes = <usize>k * 4;
    let target = to + (half << 4);
    for (let i: usize = 0; i < bytes; i += 16) {
      const a = v128.load(r0 + i);
      const b = v128.load(r1 + i);
      const c = v128.load(r2 + i);
      const d = v128.load(r3 + i);
      const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
      const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
      const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      v128.store(target, v128.shuffle<f64>(ab0, cd0, 0, 2));
      v128.store(target, v128.shuffle<f64>(ab0, cd0, 1, 3), 32);
      v128.store(target, v128.shuffle<f64>(ab1, cd1, 0, 2), 64);
      v128.store(target, v128.shuffle<f64>(ab1, cd1, 1, 3), 96);
      target += 128;
    }
    rows += 16;
  }
}
