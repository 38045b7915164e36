/**
 * Does something for every item, a few at a time and in order. The first failure ends the others through their signal,
 * and the call when all of them have ended: nothing goes on behind the caller's back.
 *
 * @throws what the first failing action threw, or the signal's reason
 */
export async function forEachOf<T>(
  items: readonly T[],
  parallel: number,
  signal: AbortSignal | undefined,
  action: (item: T, position: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any(signal ? [signal, failed.signal] : [failed.signal]);
  const queue = items.entries();
  const work = async () => {
    for (const [position, item] of queue) {
      either.throwIfAborted();
      await action(item, position, either);
    }
  };
  const workers = Array.from({ length: Math.min(parallel, items.length) }, () =>
    work().catch((error: unknown) => failed.abort(error)),
  );
  await Promise.all(workers);
  either.throwIfAborted();
}
