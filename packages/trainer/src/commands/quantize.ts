import { InvalidInputError } from '@swinface/core';
import { Command, Option } from 'commander';
import {
  compareRoundings,
  EFFECT_HEADINGS,
  effectCells,
  type MeasureOptions,
  metricLines,
  type QuantizeOptions,
  quantize,
  STORAGE_TYPES,
} from '../quantize/index.js';
import { note, print, wholeNumber } from './shared.js';

interface Arguments extends MeasureOptions {
  readonly to?: QuantizeOptions['to'];
  readonly out?: string;
  readonly compare?: boolean;
}

const row = (cells: readonly string[]) => print(`| ${cells.join(' | ')} |`);

const heading = (cells: readonly string[]) => {
  row(cells);
  row(cells.map(() => '---'));
};

async function run({ to, out, compare, ...options }: Arguments): Promise<void> {
  if (compare) {
    heading(['rounding', 'MB of matrices', ...EFFECT_HEADINGS]);
    await compareRoundings({ ...options, print: note }, ({ label, megabytes, effects }) => {
      for (const effect of effects) row([label, megabytes.toFixed(2), ...effectCells(effect)]);
    });
    return;
  }
  if (to === undefined || out === undefined) {
    throw new InvalidInputError('It is not said what to write.', {
      expected: '--to TYPE and --out BASE, or --compare',
    });
  }
  const { manifest } = await quantize({ ...options, to, out, print: note });
  const effects = manifest.quantization?.effects ?? [];
  if (effects.length === 0) return;
  heading(EFFECT_HEADINGS);
  for (const effect of effects) row(effectCells(effect));
  effects.flatMap(metricLines).forEach(print);
}

/** `swinface-trainer quantize`. */
export const quantizeCommand = (): Command =>
  new Command('quantize')
    .description('store weights in fewer bits and measure what that changes on real faces')
    .requiredOption('--weights <manifest>', 'manifest of the weights')
    .addOption(new Option('--to <type>', 'storage type of the matrices').choices(Object.keys(STORAGE_TYPES)))
    .option('--out <base>', 'path and start of the names of the files: BASE.json, BASE.md, BASE-HASH.safetensors')
    .option('--calibrate <lists...>', 'lists whose training parts steer the rounding to int8')
    .option('--evaluation <lists...>', 'lists on whose held-out parts the changes are measured')
    .option('--pairs <file>', "verification pairs in LFW's format")
    .option('--faces <count>', 'most faces of each list that is measured on; 1000 by default', wholeNumber)
    .option('--threads <count>', 'threads of ONNX Runtime', wholeNumber)
    .option('--compare', 'measure every way of rounding to 8 and 4 bits instead of writing files')
    .action(run);
