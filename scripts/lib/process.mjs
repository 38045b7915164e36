import { spawn } from 'node:child_process';
import { ROOT } from './repo.mjs';

/**
 * Runs a program in the repository's root with its output on ours.
 *
 * @returns {Promise<number>} its exit code; 1 if a signal ended it
 */
export function run(command, args, { env = {}, stdio = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio, env: { ...process.env, ...env } });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** Runs the command line tool of an installed npm package, e.g. `runTool('typescript/bin/tsc', ['-b'])`. */
export const runTool = (bin, args, options) => run(process.execPath, [`node_modules/${bin}`, ...args], options);
