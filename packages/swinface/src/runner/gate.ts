/** Lets a fixed number of tasks in at a time, the others wait their turn. */
export class Gate {
  readonly #width: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** Whether a task would be let in at once. */
  get open(): boolean {
    return this.#inside < this.#width;
  }

  /**
   * Waits for a place.
   *
   * @returns what gives the place back; more calls do nothing
   * @throws the signal's reason
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#inside < this.#width) this.#inside++;
    else {
      // The place of the one that leaves passes on to the next, without a moment in which a newcomer could take it.
      await new Promise<void>((resolve, reject) => {
        const enter = () => {
          signal.removeEventListener('abort', abort);
          resolve();
        };
        const abort = () => {
          this.#waiting.splice(this.#waiting.indexOf(enter), 1);
          reject(signal.reason);
        };
        this.#waiting.push(enter);
        signal.addEventListener('abort', abort, { once: true });
      });
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside--;
    };
  }
}
