const FIRST_DELAY = 500;
const LONGEST_DELAY = 8_000;
/** A server that asks to wait longer than this ends the download with an error that says so. */
export const LONGEST_RETRY_AFTER = 60_000;

/**
 * Milliseconds before a retry: doubled each time, and a random half of it taken off, so that pages which failed
 * together do not come back together.
 *
 * @param failures in a row so far, at least 1
 */
export const backoff = (failures: number): number =>
  Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (failures - 1)) * (1 - Math.random() / 2);

/** Milliseconds that a `Retry-After` header asks for, given in seconds or as a date; undefined where there is none. */
export function retryAfter({ headers }: Response): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const wait = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/** @throws the signal's reason as soon as it aborts */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
