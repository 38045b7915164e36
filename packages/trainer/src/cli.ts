import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { InvalidInputError } from '@swinface/core';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type AblationOptions, ablate, ablationTable } from './ablation.js';
import { type AlignOptions, align } from './align/align.js';
import { benchmark } from './benchmark.js';
import { benchmarkPytorch } from './benchmark-pytorch.js';
import { CONVERT_FORMATS, type ConvertOptions, convert } from './convert/index.js';
import { NO_AUGMENTATION } from './data/augment.js';
import { LAYOUTS, openTrainingSource, writeList } from './data/index.js';
import { DEVICES, type Device } from './engine/device.js';
import { runEvaluate, summaryLines } from './evaluate/index.js';
import { type ExplainOptions, explain } from './explain.js';
import { exportRun, weightsToStartFrom } from './export.js';
import {
  compareRoundings,
  EFFECT_HEADINGS,
  effectCells,
  type MeasureOptions,
  metricLines,
  type QuantizeOptions,
  quantize,
  STORAGE_TYPES,
} from './quantize/index.js';
import { parseRecipe, type Recipe } from './recipe.js';
import { train } from './train.js';

/** Names from files are printed too, and must not steer the terminal. */
const print = (line: string) => process.stdout.write(`${line.replace(/\p{Cc}/gu, '?')}\n`);

const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above zero.');
  return value;
};

interface TrainArguments {
  readonly recipe: string;
  readonly out: string;
  readonly resume?: boolean;
  readonly from?: string;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly steps?: number;
}

/** The held-out parts of the recipe's sets, as they are. */
const openValidation = ({ data }: Recipe) =>
  openTrainingSource({
    ...data,
    parts: data.parts.map((part) => ({ ...part, split: 'val', augmentation: NO_AUGMENTATION })),
  });

async function runTrain({ recipe: file, out, resume, from, device, threads, steps }: TrainArguments): Promise<void> {
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
    const held = recipe.validation ? await openValidation(recipe) : undefined;
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
    data.close();
  }
}

interface BenchmarkArguments {
  readonly recipe: string;
  readonly batch?: number;
  readonly threads?: number;
  readonly device: Device | 'auto';
  readonly rounds?: number;
  readonly pytorch?: boolean;
  readonly python?: string;
}

async function runBenchmark(options: BenchmarkArguments): Promise<void> {
  const { recipe: file, batch, threads = availableParallelism(), rounds, pytorch, python } = options;
  const given = parseRecipe(JSON.parse(await readFile(file, 'utf8')));
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

interface EvaluateArguments {
  readonly weights: string;
  readonly data: readonly string[];
  readonly split?: string;
  readonly pairs?: string;
  readonly out?: string;
  readonly device: Device | 'auto';
  readonly json?: boolean;
}

async function evaluateWeights({ json, ...options }: EvaluateArguments): Promise<void> {
  const note = (line: string) => process.stderr.write(`${line}\n`);
  const report = await runEvaluate({ ...options, log: note });
  if (json) print(JSON.stringify(report));
  else summaryLines(report).forEach(print);
}

async function alignPhotos(options: AlignOptions): Promise<void> {
  const { images, faces, without } = await align({ ...options, print });
  print(`${options.out}: ${faces} faces in ${images} images, ${without.length} images without a face`);
  if (without.length > 0) print(`Without: ${without.slice(0, 20).join(', ')}${without.length > 20 ? ', ...' : ''}`);
}

interface ExportArguments {
  readonly run: string;
  readonly out: string;
  readonly calibration?: readonly string[];
  readonly verification?: string;
  readonly evaluation?: readonly string[];
  readonly pairs?: string;
  readonly report?: string;
}

async function exportWeights(options: ExportArguments): Promise<void> {
  const { path } = await exportRun({ ...options, print });
  print(`Manifest: ${path}`);
}

interface QuantizeArguments extends MeasureOptions {
  readonly to?: QuantizeOptions['to'];
  readonly out?: string;
  readonly compare?: boolean;
}

async function runQuantize({ to, out, compare, ...options }: QuantizeArguments): Promise<void> {
  const row = (cells: readonly string[]) => print(`| ${cells.join(' | ')} |`);
  const heading = (cells: readonly string[]) => {
    row(cells);
    row(cells.map(() => '---'));
  };
  const note = (line: string) => process.stderr.write(`${line}\n`);
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
  const effects = manifest.quantisation?.effects ?? [];
  if (effects.length === 0) return;
  heading(EFFECT_HEADINGS);
  for (const effect of effects) row(effectCells(effect));
  effects.flatMap(metricLines).forEach(print);
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
    .option(
      '--from <path>',
      'exported weights (their manifest) or the folder of a run to start from, instead of random ones',
    )
    .option('--threads <count>', 'threads of the CPU provider', wholeNumber)
    .option('--steps <count>', 'stop after this many steps of this sitting', wholeNumber)
    .addOption(new Option('--device <name>', 'where the graph runs').choices(['auto', ...DEVICES]).default('auto'))
    .action(runTrain);
  program
    .command('convert')
    .description('turn weights of a PyTorch checkpoint, a safetensors file or a manifest into another kind of file')
    .argument('<file>', 'the weights')
    .requiredOption('--out <path>', 'output without its extension, such as models/swinface-t')
    .addOption(
      new Option('--to <format>', 'swinface: manifest and shards for web pages')
        .choices([...CONVERT_FORMATS])
        .default('swinface'),
    )
    .option('--licence <text>', 'terms of the weights, for the manifest')
    .action(async (file: string, options: Omit<ConvertOptions, 'file' | 'print'>) => {
      await convert({ ...options, file, print });
    });
  program
    .command('list')
    .description("write the list of a data set that lies as its authors release it, into the data set's folder")
    .requiredOption('--folder <path>', 'the data set')
    .addOption(
      new Option('--layout <name>', 'how its authors lay it out').choices(Object.keys(LAYOUTS)).makeOptionMandatory(),
    )
    .action(async ({ layout, folder }: { layout: string; folder: string }) => {
      const { path, samples } = await writeList(layout, folder);
      print(`${path}: ${samples} samples`);
    });
  program
    .command('ablate')
    .description('train a small network with and without each method, and compare on held-out faces')
    .requiredOption('--study <file>', 'base recipe, seeds, variants and lists to judge on, as JSON')
    .requiredOption('--out <folder>', 'folder of the runs; those already judged are not trained again')
    .option('--threads <count>', 'threads of the CPU provider', wholeNumber)
    .action(async (options: AblationOptions) => {
      for (const line of ablationTable(await ablate({ ...options, print }))) print(line);
    });
  program
    .command('align')
    .description('find faces as the browser does, and write them as a list for training')
    .requiredOption('--photos <path>', 'folder of photographs, or a list NAME.jsonl whose labels are kept')
    .requiredOption('--out <list>', 'list NAME.jsonl to write')
    .requiredOption('--model <file>', "MediaPipe's face_landmarker.task")
    .option('--labels', 'add 72 landmarks and pseudo-labels of 17 action units')
    .option('--limit <count>', 'at most this many images', wholeNumber)
    .action(alignPhotos);
  program
    .command('benchmark')
    .description("time a recipe's training step on made-up faces")
    .requiredOption('--recipe <file>', 'recipe as JSON')
    .option('--batch <count>', "faces per step; the recipe's by default", wholeNumber)
    .option('--rounds <count>', 'measured steps', wholeNumber)
    .option('--pytorch', 'also time the same network in PyTorch, outputs compared')
    .option('--python <path>', 'interpreter that has PyTorch')
    .option('--threads <count>', 'threads of the CPU provider', wholeNumber)
    .addOption(new Option('--device <name>', 'where the graph runs').choices(['auto', ...DEVICES]).default('auto'))
    .action(runBenchmark);
  program
    .command('evaluate')
    .description('judge exported weights on data sets')
    .requiredOption('--weights <manifest>', 'manifest of the weights')
    .requiredOption('--data <lists...>', 'lists NAME.jsonl, their shards beside them')
    .option('--split <name>', 'part of each set: a name, "all" or "held-out"', 'held-out')
    .option('--pairs <file>', "verification pairs in LFW's format")
    .option('--out <folder>', 'folder for report.html and report.json')
    .option('--json', 'print the whole report as JSON')
    .addOption(new Option('--device <name>', 'where the network runs').choices(['auto', ...DEVICES]).default('cpu'))
    .action(evaluateWeights);
  program
    .command('export')
    .description("write a run's averaged weights as the browser loads them")
    .requiredOption('--run <folder>', 'folder of the run')
    .requiredOption('--out <folder>', 'folder for manifest, weights and model card')
    .option('--calibration <lists...>', "lists that calibrate; the recipe's by default")
    .option('--verification <list>', 'list with identities that gives the verification thresholds')
    .option('--whiten <list>', 'list with identities: its training part tells how embeddings vary within a person')
    .option('--evaluation <lists...>', 'lists to judge the weights on, for manifest and model card')
    .option('--pairs <file>', "verification pairs in LFW's format")
    .option('--report <folder>', "folder for the evaluation's report")
    .action(exportWeights);
  program
    .command('quantize')
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
    .action(runQuantize);
  program
    .command('explain')
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
  await program.parseAsync(argv as string[]);
}
