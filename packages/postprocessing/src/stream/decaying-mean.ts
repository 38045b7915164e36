import { at } from '@swinface/core/internal';

/** The weighted mean of a series in which what is old counts less and less. */
export class DecayingMean {
  readonly #memory: number;
  #values: readonly number[] = [];
  #weight = 0;
  #time = 0;

  /** @param memory seconds after which a sample's weight has fallen to 1/e */
  constructor(memory: number) {
    this.#memory = memory;
  }

  /**
   * Takes a sample in.
   *
   * @param weight above 0
   * @returns the mean with it; the sample itself where the number of values changes
   */
  update(values: readonly number[], weight: number, time: number): readonly number[] {
    const same = values.length === this.#values.length;
    const before = same ? this.#values : values;
    const old = same ? this.#weight * Math.exp((this.#time - time) / this.#memory) : 0;
    this.#weight = old + weight;
    this.#values = values.map((value, i) => (value * weight + at(before, i) * old) / this.#weight);
    this.#time = time;
    return this.#values;
  }
}
