import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { openTrainingSource } from './data/index.js';
import { DEVICES, type Device } from './engine/device.js';
import { parseRecipe } from './recipe.js';
import { train } from './train.js';

const print = (line: string) => process.stdout.write(`${line}\n`);

const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above zero.');
  return value;
};

interface TrainArguments {
  readonly recipe: string;
  readonly out: string;
  readonly resume?: boolean;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly steps?: number;
}

async function runTrain({ recipe: file, out, resume, device, threads, steps }: TrainArguments): Promise<void> {
  const recipe = parseRecipe(JSON.parse(await readFile(file, 'utf8')));
  const data = await openTrainingSource(recipe.data, print);
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      print('Stopping after this step.');
      controller.abort();
    });
  }
  try {
    const summary = await train(recipe, data.source, {
      out,
      device,
      print,
      signal: controller.signal,
      ...(resume ? { resume } : {}),
      ...(threads === undefined ? {} : { threads }),
      ...(steps === undefined ? {} : { stopAfter: steps }),
    });
    const ended = summary.finished ? 'Finished' : 'Stopped';
    print(`${ended} at step ${summary.step}, ${summary.skipped} skipped. Checkpoint: ${summary.checkpoint}`);
  } finally {
    data.close();
  }
}

/** The command line; `argv` as in `process.argv`. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('swinface-trainer').description('Trains, evaluates and exports SwinFace weights.');
  program
    .command('train')
    .description('learn weights by a recipe')
    .requiredOption('--recipe <file>', 'recipe as JSON')
    .requiredOption('--out <folder>', 'folder of the run: checkpoint, log, recipe')
    .option('--resume', 'go on from the checkpoint in the folder')
    .option('--threads <count>', 'threads of the CPU provider', wholeNumber)
    .option('--steps <count>', 'stop after this many steps of this sitting', wholeNumber)
    .addOption(new Option('--device <name>', 'where the graph runs').choices(['auto', ...DEVICES]).default('auto'))
    .action(runTrain);
  await program.parseAsync(argv as string[]);
}
