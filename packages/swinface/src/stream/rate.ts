import { at } from '@swinface/core/internal';

const WINDOW_MS = 2000;

/** Counts how often something happens per second, over the last two seconds. */
export class Rate {
  readonly #times: number[] = [];

  /** It happened once more. */
  tick(time: number = performance.now()): void {
    this.#times.push(time);
  }

  /** Times per second by now; 0 as long as it happened less than twice. */
  read(time: number = performance.now()): number {
    while (this.#times.length > 2 && time - at(this.#times, 0) > WINDOW_MS) this.#times.shift();
    if (this.#times.length < 2) return 0;
    const span = at(this.#times, this.#times.length - 1) - at(this.#times, 0);
    return span > 0 ? ((this.#times.length - 1) * 1000) / span : 0;
  }
}
