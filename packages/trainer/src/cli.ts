import { createRequire } from 'node:module';
import { Command } from 'commander';
import * as v from 'valibot';
import { ablateCommand } from './commands/ablate.js';
import { alignCommand } from './commands/align.js';
import { benchmarkCommand } from './commands/benchmark.js';
import { convertCommand } from './commands/convert.js';
import { evaluateCommand } from './commands/evaluate.js';
import { explainCommand } from './commands/explain.js';
import { exportCommand } from './commands/export.js';
import { listCommand } from './commands/list.js';
import { quantizeCommand } from './commands/quantize.js';
import { recognisabilityCommand } from './commands/recognisability.js';
import { trainCommand } from './commands/train.js';

const COMMANDS = [
  trainCommand,
  convertCommand,
  listCommand,
  ablateCommand,
  alignCommand,
  benchmarkCommand,
  evaluateCommand,
  exportCommand,
  quantizeCommand,
  recognisabilityCommand,
  explainCommand,
];

/** The command line; `argv` as in `process.argv`. */
export async function main(argv: readonly string[]): Promise<void> {
  const { version } = v.parse(v.object({ version: v.string() }), createRequire(import.meta.url)('../package.json'));
  const program = new Command('swinface-trainer')
    .description('Trains, evaluates and exports SwinFace weights.')
    .version(version);
  for (const command of COMMANDS) program.addCommand(command());
  await program.parseAsync([...argv]);
}
