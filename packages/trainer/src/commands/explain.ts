import { Command } from 'commander';
import { type ExplainOptions, explain } from '../explain/explain.js';
import { print, wholeNumber } from './shared.js';

/** `swinface-trainer explain`. */
export const explainCommand = (): Command =>
  new Command('explain')
    .description('shade faces by what speaks for an answer (Grad-CAM)')
    .requiredOption('--weights <manifest>', 'manifest of the weights')
    .requiredOption('--data <list>', 'list NAME.jsonl, its shards beside it')
    .requiredOption('--out <folder>', 'folder for the pictures')
    .option('--tasks <names...>', 'task names; Age, Gender, Expression and Smiling by default')
    .option('--faces <count>', 'faces from the start of the held-out part', wholeNumber)
    .action(async (options: ExplainOptions) => {
      const files = await explain(options);
      print(`${files.length} pictures in ${options.out}`);
    });
