/**
 * `promise`, or the signal's reason as soon as it aborts; what the promise does later is its own affair.
 *
 * @throws the signal's reason
 */
export function untilAborted<R>(promise: Promise<R>, signal: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** One signal that aborts with the first of several. */
export const anySignal = (...signals: readonly (AbortSignal | undefined)[]): AbortSignal =>
  AbortSignal.any(signals.filter((signal) => signal !== undefined));

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
