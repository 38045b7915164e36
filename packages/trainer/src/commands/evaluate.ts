import { Command } from 'commander';
import { type EvaluateOptions, runEvaluate, summaryLines } from '../evaluate/index.js';
import { deviceOption, note, print } from './shared.js';

async function run({ json, ...options }: EvaluateOptions & { readonly json?: boolean }): Promise<void> {
  const report = await runEvaluate({ ...options, log: note });
  if (json) print(JSON.stringify(report));
  else summaryLines(report).forEach(print);
}

/** `swinface-trainer evaluate`. */
export const evaluateCommand = (): Command =>
  new Command('evaluate')
    .description('judge exported weights on data sets')
    .requiredOption('--weights <manifest>', 'manifest of the weights')
    .requiredOption('--data <lists...>', 'lists NAME.jsonl, their shards beside them')
    .option('--split <name>', 'part of each set: a name, "all" or "held-out"', 'held-out')
    .option('--pairs <file>', "verification pairs in LFW's format")
    .option('--out <folder>', 'folder for report.html and report.json')
    .option('--json', 'print the whole report as JSON')
    .addOption(deviceOption('the network', 'cpu'))
    .action(run);
