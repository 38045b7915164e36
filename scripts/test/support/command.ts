import { execFile } from 'node:child_process';
import { inRepo } from '../../lib/repo.mjs';

/** What a command printed before it ended. */
export interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAXIMUM_OUTPUT = 2 ** 26;
const LONGEST_MS = 540_000;

/**
 * Runs a program to its end.
 *
 * @param cwd the folder it is started in; the repository's root by default
 */
export function start(program: string, args: readonly string[], cwd: string = inRepo()): Promise<Printed> {
  return new Promise((resolve) => {
    const options = { cwd, maxBuffer: MAXIMUM_OUTPUT, timeout: LONGEST_MS, env: { ...process.env, NO_COLOR: '1' } };
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
  });
}

/**
 * As {@link start}, for commands that must succeed.
 *
 * @throws {Error} with the end of what it printed
 */
export async function succeed(program: string, args: readonly string[], cwd?: string): Promise<Printed> {
  const printed = await start(program, args, cwd);
  if (printed.code === 0) return printed;
  const end = `${printed.stdout}\n${printed.stderr}`.trim().slice(-3000);
  throw new Error(`${[program, ...args].join(' ')} ended with ${printed.code}:\n${end}`);
}

const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** `npm run NAME -- ARGS`, as people type it. */
export const npmRun = (name: string, ...args: string[]): Promise<Printed> =>
  succeed(NPM, ['run', '--silent', name, '--', ...args]);

/** A script of this repository, `node PATH ARGS`. */
export const node = (path: string, ...args: string[]): Promise<Printed> =>
  succeed(process.execPath, [inRepo(path), ...args]);
