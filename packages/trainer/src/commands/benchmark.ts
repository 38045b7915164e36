import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { benchmark } from '../benchmark/benchmark.js';
import { benchmarkPytorch } from '../benchmark/pytorch.js';
import type { Device } from '../engine/device.js';
import { readRecipe } from '../recipe/read.js';
import { deviceOption, print, wholeNumber } from './shared.js';

interface Arguments {
  readonly recipe: string;
  readonly batch?: number;
  readonly threads?: number;
  readonly device: Device | 'auto';
  readonly rounds?: number;
  readonly pytorch?: boolean;
  readonly python?: string;
}

async function run(options: Arguments): Promise<void> {
  const { recipe: file, batch, threads = availableParallelism(), rounds, pytorch, python } = options;
  const given = await readRecipe(file);
  const recipe = batch === undefined ? given : { ...given, batch };
  const counted = rounds === undefined ? {} : { rounds };
  const result = await benchmark(recipe, { device: options.device, threads, ...counted });
  const ratio = result.gradient / result.forward;
  print(
    `${result.device}, ${result.batch} faces: forward ${result.forward.toFixed(0)} ms, forward and backward ` +
      `${result.gradient.toFixed(0)} ms (${ratio.toFixed(2)} x), update ${result.update.toFixed(0)} ms, ` +
      `${result.facesPerSecond.toFixed(1)} faces/s`,
  );
  if (!pytorch) return;
  const other = await benchmarkPytorch(recipe, { threads, ...counted, ...(python === undefined ? {} : { python }) });
  print(
    `PyTorch ${other.torch}, ${other.threads} threads: forward ${other.forward.toFixed(0)} ms, whole step ` +
      `${other.step.toFixed(0)} ms, ${((1000 * result.batch) / other.step).toFixed(1)} faces/s; its outputs differ by ` +
      `${other.difference.toExponential(1)} of their size. Ours is ` +
      `${(other.step / (result.gradient + result.update)).toFixed(2)} times as fast.`,
  );
}

/** `swinface-trainer benchmark`. */
export const benchmarkCommand = (): Command =>
  new Command('benchmark')
    .description("time a recipe's training step on made-up faces")
    .requiredOption('--recipe <file>', 'recipe as JSON')
    .option('--batch <count>', "faces per step; the recipe's by default", wholeNumber)
    .option('--rounds <count>', 'measured steps', wholeNumber)
    .option('--pytorch', 'also time the same network in PyTorch, outputs compared')
    .option('--python <path>', 'interpreter that has PyTorch')
    .option('--threads <count>', 'threads of the CPU provider', wholeNumber)
    .addOption(deviceOption('the graph', 'auto'))
    .action(run);
