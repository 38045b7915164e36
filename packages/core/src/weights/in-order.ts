import { anySignal } from '../abort.js';

/**
 * Does something for every item and gives the results in the order of the items, beginning a few ahead of the one that
 * is waited for: a result that is not taken holds up the rest. When the consumer stops, or an action fails, the others are
 * ended through their signal and waited for, so that nothing runs on after this has thrown.
 *
 * @param parallel most actions under way or waiting to be taken
 * @throws what the first failing action threw, or the signal's reason
 */
export async function* inOrder<T, R>(
  items: readonly T[],
  parallel: number,
  signal: AbortSignal | undefined,
  action: (item: T, position: number, signal: AbortSignal) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const ended = new AbortController();
  const either = anySignal(signal, ended.signal);
  const underWay: Promise<R>[] = [];
  let next = 0;
  const begin = () => {
    if (next === items.length) return;
    const begun = action(items[next] as T, next++, either);
    begun.catch((error: unknown) => ended.abort(error)); // Ends the others at once, not only when its turn comes.
    underWay.push(begun);
  };
  try {
    either.throwIfAborted();
    while (next < Math.min(parallel, items.length)) begin();
    for (let result = underWay.shift(); result; result = underWay.shift()) {
      const value = await result.catch((error: unknown) => {
        throw either.aborted ? either.reason : error;
      });
      // Only now: what was begun and what was taken last are both in memory.
      begin();
      yield value;
      either.throwIfAborted();
    }
  } finally {
    ended.abort();
    await Promise.allSettled(underWay);
  }
}
