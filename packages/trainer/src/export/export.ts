import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  disarrange,
  type HostTensor,
  InvalidInputError,
  type Manifest,
  type ManifestCalibration,
  type ModelConfig,
  type ModelPassport,
  type PackedModel,
  packShards,
  placedTasks,
  RECOGNITION,
  tensorShapes,
} from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { readDataset } from '../data/samples.js';
import { checkpointPath, type RunState, readAverages } from '../engine/checkpoint.js';
import { calibrate, runEvaluate } from '../evaluate/index.js';
import { Predictor } from '../evaluate/predict.js';
import { readTrunk } from '../features/trunk.js';
import { StagedFiles } from '../files/durable.js';
import { unreadable } from '../files/read.js';
import { learntNetwork, learntOutputs } from '../graph/learnt.js';
import { initialWeights } from '../graph/parameters.js';
import { recipeConfig } from '../recipe/config.js';
import { readRecipe } from '../recipe/read.js';
import type { Recipe } from '../recipe/recipe.js';
import { headlineMetrics, modelCard } from './model-card.js';
import { mapEmbeddings, withinClassWhitening } from './whitening.js';

/** Where a run's weights go and what they are measured on. */
export interface ExportOptions {
  /** Folder of the run; or of several, each of which learnt some of the outputs on the same frozen trunk. */
  readonly run: string | readonly [string, ...string[]];
  /** Folder for manifest, weights and model card. */
  readonly out: string;
  /** Lists whose held-out parts calibrate the probabilities; the recipe's own by default. */
  readonly calibration?: readonly string[];
  /**
   * List with identities whose held-out part gives the verification thresholds; all of it where the embedding is that of a
   * frozen trunk, which has learnt from none of it.
   */
  readonly verification?: string;
  /** List with identities by whose training part the embeddings are whitened within persons; as learnt by default. */
  readonly whiten?: string;
  /** Lists that the exported weights are judged on, for the figures in the manifest and the model card. */
  readonly evaluation?: readonly string[];
  /** Verification pairs in LFW's format, for the list that numbers the images of each person. */
  readonly pairs?: string;
  /** Folder for the evaluation's report. */
  readonly report?: string;
  readonly print?: (line: string) => void;
}

/** Enough to keep the error at low false match rates, where an estimate without it loses what it wins at high ones. */
const SHRINKAGE = 0.3;

/** The layers that give answers: of the embedding and of every task. */
const LAST_LAYER = /^(backbone\.feature\.[23]|om\.output_fcs\.\d+)\./;

/** What weights that tell race say of themselves, wherever they end up. */
const BIAS_STUDY = 'For studies of bias only, not to be handed out: these weights classify race.';

const UNCALIBRATED: ManifestCalibration = { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] };

/**
 * Averaged weights of a run's checkpoint by checkpoint name, as inference uses them: the scale of the age is folded
 * into its last layer.
 *
 * @throws {WeightsInvalidError} if the checkpoint does not fit the recipe
 */
export async function trainedWeights(
  run: string,
  recipe: Recipe,
): Promise<{ weights: Map<string, HostTensor>; state: RunState }> {
  const config = recipeConfig(recipe);
  const { state, tensors } = await readAverages(checkpointPath(run));
  const weights = disarrange(learntNetwork(learntOutputs(config, recipe), recipe), tensors);
  if (recipe.features) {
    for (const [name, tensor] of await readTrunk(config, recipe.features.trunk)) weights.set(name, tensor);
  }
  const { centre, spread } = recipe.objectives.age;
  rescaleAge(config, weights, (value, isBias) => value * spread + (isBias ? centre : 0));
  return { weights, state };
}

/** Replaces the last layer of the age: while training it says (age - centre) / spread, afterwards years. */
function rescaleAge(
  config: ModelConfig,
  weights: Map<string, HostTensor>,
  convert: (value: number, isBias: boolean) => number,
): void {
  const age = placedTasks(config).find(({ task }) => task.name === 'Age');
  if (age?.task.kind !== 'regression') return;
  for (const part of ['weight', 'bias']) {
    const name = `om.output_fcs.${age.index}.${part}`;
    const tensor = weights.get(name);
    if (!tensor) continue;
    weights.set(name, { shape: tensor.shape, data: tensor.data.map((value) => convert(value, part === 'bias')) });
  }
}

/** The recipe that a run was started with. */
const recipeOf = (run: string): Promise<Recipe> => readRecipe(join(run, 'recipe.json'));

/**
 * Exported weights, or the averaged weights of a run, as a start for more training. A run is the better start where
 * whitened embeddings were exported: what is learnt there are the teacher's. Layers that give answers begin anew where
 * the recipe asks for others: an embedding of another length, ages as ranks, extra heads.
 *
 * @param path of a manifest, or of a run's folder
 * @throws {InvalidInputError} if they are of another network than the recipe's
 * @throws {WeightsInvalidError} if a file does not hold what the manifest says
 */
export async function weightsToStartFrom(path: string, recipe: Recipe): Promise<Map<string, HostTensor>> {
  const config = recipeConfig(recipe);
  const found = await stat(path).catch(unreadable(path, 'a manifest, or the folder of a run'));
  const isRun = found.isDirectory();
  const { weights: stored } = isRun ? await trainedWeights(path, await recipeOf(path)) : await readModelFile(path);
  const weights = new Map<string, HostTensor>();
  const fresh = initialWeights(config, recipe.seed);
  const learnt = learntNetwork(learntOutputs(config, recipe), recipe).tensors;
  for (const [name, shape] of tensorShapes(config)) {
    let tensor = stored.get(name);
    // What the run does not learn, one before it need not have learnt.
    if (!tensor && !learnt.has(name)) tensor = fresh.get(name);
    if (LAST_LAYER.test(name) && tensor?.shape[0] !== shape[0]) tensor = fresh.get(name);
    if (tensor?.shape.join() !== shape.join()) {
      throw new InvalidInputError(`${path} is not a start for ${config.name}.`, {
        expected: `${name} [${shape.join(', ')}]`,
        actual: tensor ? `[${tensor.shape.join(', ')}]` : 'nothing',
      });
    }
    weights.set(name, tensor);
  }
  const { centre, spread } = recipe.objectives.age;
  rescaleAge(config, weights, (value, isBias) => (value - (isBias ? centre : 0)) / spread);
  return weights;
}

/**
 * Thresholds that were learnt on plain probabilities, as they hold once logits are divided by the tasks' temperatures:
 * sigmoid(logit(t) / T), so that each face is answered as it was while training.
 */
export function atTemperatures(
  thresholds: Readonly<Record<string, number>>,
  temperatures: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(thresholds).map(([task, t]) => [task, 1 / (1 + ((1 - t) / t) ** (1 / (temperatures[task] ?? 1)))]),
  );
}

/** What the runs have learnt together, the later over the earlier, and the recipe of the first with the lists of all. */
async function learntIn(runs: readonly [string, ...string[]]) {
  const recipe = await recipeOf(runs[0]);
  const { weights, state } = await trainedWeights(runs[0], recipe);
  const states: [RunState, ...RunState[]] = [state];
  const parts = [...recipe.data.parts];
  const adapted = (of: Recipe, { validation }: RunState) => (of.thresholds === 'adaptive' ? validation.thresholds : {});
  let thresholds = adapted(recipe, state);
  for (const run of runs.slice(1)) {
    const other = await recipeOf(run);
    if (JSON.stringify(recipeConfig(other)) !== JSON.stringify(recipeConfig(recipe)) || !other.features) {
      throw new InvalidInputError(`${run} cannot be exported with ${runs[0]}.`, {
        expected: 'runs of one network on one frozen trunk',
        actual: recipeConfig(other).name,
      });
    }
    const learnt = await trainedWeights(run, other);
    for (const [name, tensor] of learnt.weights) weights.set(name, tensor);
    states.push(learnt.state);
    thresholds = { ...thresholds, ...adapted(other, learnt.state) };
    parts.push(...other.data.parts.filter(({ list }) => !parts.some((part) => part.list === list)));
  }
  return { recipe: { ...recipe, data: { ...recipe.data, parts } }, weights, states, thresholds };
}

/** Packs weights under an id that is their hash. */
async function pack(
  config: ModelConfig,
  weights: ReadonlyMap<string, HostTensor>,
  passport: Omit<ModelPassport, 'id'>,
): Promise<PackedModel> {
  const files = new Map<string, Uint8Array>();
  const read = async (name: string): Promise<HostTensor> => {
    const tensor = weights.get(name);
    if (!tensor) throw new InvalidInputError(`The run has not learnt ${name}.`);
    return tensor;
  };
  const manifest = await packShards(config.name, passport, read, 'F16', async (file, bytes) => {
    files.set(file, bytes);
  });
  return { manifest, files };
}

/** Writes shards, other files and, last, the manifest that names them; returns its path. */
async function write(
  { manifest, files }: PackedModel,
  out: string,
  others: Readonly<Record<string, string>> = {},
): Promise<string> {
  const name = `${manifest.config.name}.json`;
  await StagedFiles.write(out, async (staged) => {
    for (const [file, content] of [...files, ...Object.entries(others)]) await staged.add(file, content);
    await staged.add(name, `${JSON.stringify(manifest, null, 1)}\n`);
  });
  return join(out, name);
}

/** Fitted on the faces of a list that are for training and show somebody who is there more than once. */
async function whiteningOf(predictor: Predictor, list: string): Promise<Float64Array> {
  const dataset = await readDataset(list);
  const faces = new Map<string, number>();
  for (const { split, identity = '' } of dataset.samples) {
    if (split === 'train') faces.set(identity, (faces.get(identity) ?? 0) + 1);
  }
  const chosen = dataset.samples.filter(
    ({ split, identity }) => split === 'train' && identity !== undefined && (faces.get(identity) ?? 0) > 1,
  );
  if (chosen.length === 0) {
    throw new InvalidInputError(`${list} cannot whiten embeddings.`, {
      expected: 'faces with "split": "train" of which some have the same "identity"',
      actual: 'none',
    });
  }
  const { samples, dims, embeddings } = await predictor.predict(dataset, chosen, false);
  return withinClassWhitening(
    embeddings,
    dims,
    samples.map(({ identity }) => identity),
    SHRINKAGE,
  );
}

/**
 * Writes a run's averaged weights as the browser loads them (float16), calibrated on held-out faces, with a model card.
 *
 * @returns the manifest and its path
 * @throws {InvalidInputError} if the run's checkpoint does not fit its recipe
 */
export async function exportRun(options: ExportOptions): Promise<{ path: string; manifest: Manifest }> {
  const { out, verification, print = () => {} } = options;
  const {
    recipe,
    weights: learnt,
    states,
    thresholds,
  } = await learntIn(typeof options.run === 'string' ? [options.run] : options.run);
  const config = recipeConfig(recipe);
  const modelCardFile = `${config.name}.md`;
  const passport: Omit<ModelPassport, 'id'> = {
    config,
    synthetic: false,
    crops: [{ zoom: 1, outputs: [RECOGNITION, ...placedTasks(config).map(({ task }) => task.name)] }],
    calibration: UNCALIBRATED,
    licence: recipe.heads.includes('race') ? `${BIAS_STUDY} ${recipe.passport.licence}` : recipe.passport.licence,
    trainingData: recipe.passport.trainingData,
    modelCard: modelCardFile,
    metrics: {},
  };
  // Calibrated as it will be read: from float16, through the files.
  const draft = await mkdtemp(join(tmpdir(), 'swinface-export-'));
  let weights = learnt;
  let calibration: ManifestCalibration;
  try {
    const open = async () => Predictor.open(await write(await pack(config, weights, passport), draft));
    if (options.whiten !== undefined) {
      print(`Whitening embeddings within the persons of ${basename(options.whiten)}.`);
      const predictor = await open();
      weights = mapEmbeddings(weights, await whiteningOf(predictor, options.whiten));
      await predictor.dispose();
    }
    const predictor = await open();
    const lists = options.calibration ?? recipe.data.parts.map(({ list }) => list);
    if (lists.length > 0)
      print(`Calibrating on the held-out parts of ${lists.map((list) => basename(list)).join(', ')}.`);
    const split = recipe.features && options.whiten === undefined ? 'all' : 'held-out';
    calibration = await calibrate(
      predictor,
      lists,
      verification === undefined ? undefined : { list: verification, split },
    );
    await predictor.dispose();
    const adapted = atTemperatures(thresholds, calibration.temperatures);
    calibration = { ...calibration, thresholds: { ...calibration.thresholds, ...adapted } };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  const calibrated = { ...passport, calibration };
  const path = await write(await pack(config, weights, calibrated), out);
  const report = options.evaluation
    ? await runEvaluate({
        weights: path,
        data: options.evaluation,
        log: print,
        ...(options.pairs === undefined ? {} : { pairs: options.pairs }),
        ...(options.report === undefined ? {} : { out: options.report }),
      })
    : undefined;
  const packed = await pack(config, weights, { ...calibrated, metrics: report ? headlineMetrics(report) : {} });
  await write(packed, out, { [modelCardFile]: modelCard(packed.manifest, recipe, states, report) });
  for (const [file, bytes] of packed.files) print(`${join(out, file)}: ${(bytes.length / 1e6).toFixed(2)} MB`);
  return { path, manifest: packed.manifest };
}
