import { InvalidArgumentError, Option } from 'commander';
import { DEVICES } from '../engine/device.js';

/** A line for people. Names from files are printed too, and must not steer the terminal. */
export const print = (line: string): void => {
  process.stdout.write(`${line.replace(/\p{Cc}/gu, '?')}\n`);
};

/** A line beside the results, for commands whose output is read by programs. */
export const note = (line: string): void => {
  process.stderr.write(`${line.replace(/\p{Cc}/gu, '?')}\n`);
};

/** Reads the argument of an option that counts something. */
export const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above zero.');
  return value;
};

/** `--device`, one of the execution providers. */
export const deviceOption = (what: string, byDefault: 'auto' | 'cpu'): Option =>
  new Option('--device <name>', `where ${what} runs`).choices(['auto', ...DEVICES]).default(byDefault);
