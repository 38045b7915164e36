import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root folder of the repository. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A path inside the repository. */
export const inRepo = (...parts) => join(ROOT, ...parts);

/** Whether this module was started from the command line rather than imported. */
export const isMain = (importMetaUrl) =>
  process.argv[1] !== undefined && fileURLToPath(importMetaUrl) === fileURLToPath(new URL(`file://${process.argv[1]}`));

const colour = process.stderr.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

/** What the commands say to people: one line per thing done, on stderr, so that stdout stays for results. */
export const say = {
  step: (text) => console.error(`${paint(1, '>')} ${text}`),
  done: (text) => console.error(`  ${paint(32, 'ok')}  ${text}`),
  note: (text) => console.error(`  ${paint(33, '!!')}  ${text}`),
  fail: (text) => console.error(`  ${paint(31, 'no')}  ${text}`),
};

/** A problem that the person at the keyboard can solve: printed without a stack. */
export class UserError extends Error {}

/** Runs a command's main function and turns its outcome into an exit code. */
export async function main(run) {
  try {
    process.exitCode = (await run()) ?? 0;
  } catch (error) {
    if (error instanceof UserError) say.fail(error.message);
    else console.error(error);
    process.exitCode = 1;
  }
}

/** Seconds since `start` (from `performance.now()`), for people. */
export const since = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`;
