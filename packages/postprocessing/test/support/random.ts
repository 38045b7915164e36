/** Numbers that are the same on every run: a small linear congruential generator. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 1) >>> 0;
    for (let i = 0; i < 4; i++) this.uniform();
  }

  /** In [0, 1). */
  uniform(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state / 2 ** 32;
  }

  /** Normal, mean 0, standard deviation 1. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Normal numbers, scaled to length 1. */
  direction(length: number): number[] {
    const values = Array.from({ length }, () => this.normal());
    const norm = Math.hypot(...values);
    return values.map((value) => value / norm);
  }
}
