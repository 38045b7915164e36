import { Command } from 'commander';
import { type RecognisabilityOptions, runRecognisability } from '../quality/index.js';
import { note, print, wholeNumber } from './shared.js';

async function run(options: Omit<RecognisabilityOptions, 'print'>): Promise<void> {
  for (const { set, faults } of await runRecognisability({ ...options, print: note })) {
    for (const { fault, recognisable } of faults) print(`${set}, ${fault}: ${(100 * recognisable).toFixed(1)} %`);
  }
}

/** `swinface-trainer recognisability`. */
export const recognisabilityCommand = (): Command =>
  new Command('recognisability')
    .description('measure which faces the verification thresholds hold for, into the manifest and its model card')
    .requiredOption('--weights <manifest>', 'manifest of the weights, which is changed')
    .requiredOption('--fit <lists...>', 'lists whose training parts are fitted to, at least one with identities')
    .requiredOption('--test <lists...>', 'lists with identities to measure on')
    .option('--threads <count>', 'threads of ONNX Runtime; 1 by default', wholeNumber)
    .action(run);
