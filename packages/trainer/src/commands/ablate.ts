import { Command } from 'commander';
import { type AblationOptions, ablate } from '../ablate/ablate.js';
import { ablationTable } from '../ablate/table.js';
import { print, wholeNumber } from './shared.js';

/** `swinface-trainer ablate`. */
export const ablateCommand = (): Command =>
  new Command('ablate')
    .description('train a small network with and without each method, and compare on held-out faces')
    .requiredOption('--study <file>', 'base recipe, seeds, variants and lists to judge on, as JSON')
    .requiredOption('--out <folder>', 'folder of the runs; those already judged are not trained again')
    .option('--threads <count>', 'threads of the CPU provider', wholeNumber)
    .action(async (options: AblationOptions) => {
      for (const line of ablationTable(await ablate({ ...options, print }))) print(line);
    });
