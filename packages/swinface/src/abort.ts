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

/** Tasks one after another: they share the network's input and the locator's memory. */
export class TaskQueue {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Nothing runs and nothing waits. */
  get idle(): boolean {
    return this.#waiting === 0;
  }

  /**
   * Runs a task after those before it. The result rejects as soon as the signal aborts; a task that has not begun by
   * then never does, one that has must look at the signal itself and clean up after itself.
   */
  run<R>(task: () => Promise<R>, signal: AbortSignal): Promise<R> {
    this.#waiting++;
    const result = this.#last
      .then(() => {
        signal.throwIfAborted();
        return task();
      })
      .finally(() => {
        this.#waiting--;
      });
    this.#last = result.catch(() => undefined);
    return untilAborted(result, signal);
  }

  /** Resolves when all tasks so far have ended. */
  async drained(): Promise<void> {
    await this.#last;
  }
}
