import type { ChildProcess } from 'node:child_process';

/** A browser with one page, driven as WebDriver has it: the little that every engine offers. */
export interface Session {
  /** As people say it, with its version: "Firefox 153.8.0". */
  readonly name: string;
  /** Goes to an address and waits for the page's load event. */
  open(url: string): Promise<void>;
  /**
   * Calls a function in the page with arguments that JSON can hold, and gives what it resolves to. The function sees the
   * page's globals and its arguments, nothing else.
   *
   * @throws {Error} if it throws; the message has the page's stack
   */
  run<A extends readonly unknown[], R>(script: (...args: A) => R, ...args: A): Promise<Awaited<R>>;
  /** What the page's window shows, as a PNG. */
  screenshot(): Promise<Buffer>;
  /** Ends the browser and everything started for it. */
  close(): Promise<void>;
}

/** Milliseconds that a script may take: longer than a test. */
export const SCRIPT_TIMEOUT = 600_000;

interface Outcome {
  readonly value?: unknown;
  readonly error?: string;
}

/** The body of an asynchronous WebDriver script that calls `script` and tells its outcome. */
export const asyncScript = (script: (...args: never) => unknown): string => `
  const settle = arguments[arguments.length - 1];
  const args = [...arguments].slice(0, -1);
  Promise.resolve().then(() => (${script})(...args)).then(
    (value) => settle({ value }),
    (error) => settle({ error: error instanceof Error ? error + '\\n' + error.stack : String(error) }),
  );`;

/** @throws {Error} if the script threw */
export function unwrap(outcome: unknown): unknown {
  const { value, error } = (outcome ?? {}) as Outcome;
  if (error !== undefined) throw new Error(`In the page: ${error}`);
  return value ?? undefined;
}

/** Ends a process, and waits until it has. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill();
  const late = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(late);
}

/** Asks until there is an answer. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>, patience = 60_000): Promise<T> {
  const last = performance.now() + patience;
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (performance.now() > last) throw new Error(`${what} did not happen within ${patience / 1000} s.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
