/** The run's time is over before what was asked for came. */
export class OutOfTime extends Error {}

/** Time that a run may take. */
export class Clock {
  readonly #start = performance.now();
  readonly #milliseconds: number;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  get spent(): number {
    return performance.now() - this.#start;
  }

  get left(): number {
    return this.#milliseconds - this.spent;
  }

  /** @throws {OutOfTime} when the time is over first; the work itself cannot be stopped */
  async hold<T>(work: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new OutOfTime('the time of the run was over')), Math.max(0, this.left));
    });
    try {
      return await Promise.race([work, over]);
    } finally {
      clearTimeout(timer);
    }
  }
}
