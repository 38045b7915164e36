import { at } from '@swinface/core/internal';
/** A small seeded generator (SFC32): equal seeds give equal streams on every machine. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** @param seeds up to three integers; streams of different seeds are unrelated. */
  constructor(...seeds: readonly number[]) {
    this.a = at(seeds, 0) | 0;
    this.b = (seeds[1] ?? 0x9e3779b9) | 0;
    this.c = (seeds[2] ?? 0x243f6a88) | 0;
    // Nearby seeds start correlated; a dozen rounds part them.
    for (let round = 0; round < 12; round++) this.uint32();
  }

  /** Uniform in 0 .. 2^32 - 1. */
  uint32(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return t >>> 0;
  }

  /** Uniform in [0, 1), or in [low, high) when both are given. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.uint32() / 4294967296);
  }

  /** Uniform integer in 0 .. count - 1. */
  integer(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A uniformly random order of 0 .. count - 1 (Fisher-Yates). */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = at(order, i);
      order[i] = at(order, j);
      order[j] = kept;
    }
    return order;
  }
}
