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
    while (this.#times.length > 2 && time - (this.#times[0] ?? time) > WINDOW_MS) this.#times.shift();
    const span = Math.max((this.#times.at(-1) ?? 0) - (this.#times[0] ?? 0), 0);
    return span > 0 ? ((this.#times.length - 1) * 1000) / span : 0;
  }
}
