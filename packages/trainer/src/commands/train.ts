import { Command } from 'commander';
import type { Device } from '../engine/device.js';
import { weightsToStartFrom } from '../export/export.js';
import { readRecipe } from '../recipe/read.js';
import type { Recipe } from '../recipe/recipe.js';
import { openHeldOut, openTrainingSource, type TrainingData } from '../train/data.js';
import { openFeatures } from '../train/feature-data.js';
import { train } from '../train/train.js';
import { deviceOption, print, wholeNumber } from './shared.js';

interface Arguments {
  readonly recipe: string;
  readonly out: string;
  readonly resume?: boolean;
  readonly from?: string;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly steps?: number;
}

const openHeld = (recipe: Recipe, { people }: TrainingData): Promise<TrainingData> =>
  recipe.features ? openFeatures(recipe, { split: 'val' }) : openHeldOut(recipe.data, people);

async function run({ recipe: file, out, resume, from, device, threads, steps }: Arguments): Promise<void> {
  const recipe = await readRecipe(file);
  const data = recipe.features
    ? await openFeatures(recipe, { log: print })
    : await openTrainingSource(recipe.data, print);
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      print('Stopping after this step.');
      controller.abort();
    });
  }
  const held = recipe.validation ? await openHeld(recipe, data) : undefined;
  try {
    const summary = await train(recipe, data.source, {
      out,
      device,
      print,
      signal: controller.signal,
      identities: data.identities,
      identityAttributes: data.identityAttributes,
      ...(held ? { validation: held.source } : {}),
      ...(resume ? { resume } : {}),
      ...(from === undefined ? {} : { initial: await weightsToStartFrom(from, recipe) }),
      ...(threads === undefined ? {} : { threads }),
      ...(steps === undefined ? {} : { stopAfter: steps }),
    });
    const ended = summary.finished ? 'Finished' : 'Stopped';
    print(`${ended} at step ${summary.step}, ${summary.skipped} skipped. Checkpoint: ${summary.checkpoint}`);
  } finally {
    await data.close();
    await held?.close();
  }
}

/** `swinface-trainer train`. */
export const trainCommand = (): Command =>
  new Command('train')
    .description('learn weights by a recipe')
    .requiredOption('--recipe <file>', 'recipe as JSON')
    .requiredOption('--out <folder>', 'folder of the run: checkpoint, log, recipe')
    .option('--resume', 'go on from the checkpoint in the folder')
    .option(
      '--from <path>',
      'exported weights (their manifest) or the folder of a run to start from, instead of random ones',
    )
    .option('--threads <count>', 'threads of the CPU provider', wholeNumber)
    .option('--steps <count>', 'stop after this many steps of this sitting', wholeNumber)
    .addOption(deviceOption('the graph', 'auto'))
    .action(run);
