/** Counts what is under way, so that it can be waited for. */
export class Busy {
  readonly #running = new Set<Promise<unknown>>();

  /** Nothing is under way. */
  get idle(): boolean {
    return this.#running.size === 0;
  }

  /** Keeps an eye on a promise and gives it back. */
  track<R>(promise: Promise<R>): Promise<R> {
    const settled = promise
      .catch(() => undefined)
      .then(() => {
        this.#running.delete(settled);
      });
    this.#running.add(settled);
    return promise;
  }

  /** Resolves when everything has ended, later arrivals included. */
  async over(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
