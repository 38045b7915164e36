import { Command } from 'commander';
import { type ExportOptions, exportRun } from '../export/export.js';
import { print } from './shared.js';

async function run(options: Omit<ExportOptions, 'print'>): Promise<void> {
  const { path } = await exportRun({ ...options, print });
  print(`Manifest: ${path}`);
}

/** `swinface-trainer export`. */
export const exportCommand = (): Command =>
  new Command('export')
    .description("write a run's averaged weights as the browser loads them")
    .requiredOption(
      '--run <folder...>',
      'folder of the run; of several that learnt different outputs on one frozen trunk',
    )
    .requiredOption('--out <folder>', 'folder for manifest, weights and model card')
    .option('--calibration <lists...>', "lists that calibrate; the recipe's by default")
    .option('--verification <list>', 'list with identities that gives the verification thresholds')
    .option('--whiten <list>', 'list with identities: its training part shows how embeddings vary within a person')
    .option('--evaluation <lists...>', 'lists to judge the weights on, for manifest and model card')
    .option('--pairs <file>', "verification pairs in LFW's format")
    .option('--report <folder>', "folder for the evaluation's report")
    .action(run);
