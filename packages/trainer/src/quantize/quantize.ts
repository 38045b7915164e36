import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import {
  type DType,
  type HostTensor,
  InvalidInputError,
  type LoadedModel,
  type Manifest,
  type ManifestQuantization,
  type ModelPassport,
  packModel,
  packShards,
  type QuantizationEffect,
  readWeights,
} from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { readDataset } from '../data/samples.js';
import { readPairs } from '../evaluate/pairs.js';
import { Predictor } from '../evaluate/predict.js';
import { StagedFiles } from '../files/durable.js';
import { quantizedCard } from './card.js';
import { type ComparedFaces, effect, type Judgement, judge } from './effects.js';
import { calibrationImages, chooseFaces } from './faces.js';
import { inputMoments } from './moments.js';
import { normalizeWeights } from './normalize.js';
import { type RoundingPlan, roundWeights } from './round-weights.js';

/** Storage types by the names that the command line gives them. */
export const STORAGE_TYPES = { f32: 'F32', f16: 'F16', int8: 'I8' } as const satisfies Record<string, DType>;

/** Faces whose activations steer the rounding. */
const CALIBRATION_FACES = 256;
/** Faces of each set that the rounded weights are compared on. */
const COMPARED_FACES = 1000;

/** What both of {@link quantize} and `compareRoundings` need. */
export interface MeasureOptions {
  /** Path of the manifest. */
  readonly weights: string;
  /** Lists whose training parts steer the rounding. */
  readonly calibrate?: readonly string[];
  /** Lists on whose held-out parts the changes are measured. */
  readonly evaluation?: readonly string[];
  /** Path of a list of pairs in LFW's format, for the set that numbers the images of each person. */
  readonly pairs?: string;
  /** Most faces of each set; 1000 by default. */
  readonly faces?: number;
  /** Threads of ONNX Runtime; all there are by default. */
  readonly threads?: number;
  readonly print?: (line: string) => void;
}

/** What to round to how many bits, and where it goes. */
export interface QuantizeOptions extends MeasureOptions {
  readonly to: keyof typeof STORAGE_TYPES;
  /** Path and start of the names of the files: BASE.json, BASE.md and BASE-HASH.safetensors. */
  readonly out: string;
}

/** Rounding to int8 as it is shipped; see the measurements beside the decision. */
const PLAN: RoundingPlan = { bits: 8, clip: false, compensate: true };

/**
 * Writes weights in another storage type, and into manifest and model card what that changes on real faces.
 * The network written is equal but for rounding; scales and shifts are moved as `normalizeWeights` does, because
 * engines do the same before they store matrices.
 *
 * @returns the manifest and its path
 * @throws {InvalidInputError} if a file cannot be read
 * @throws {WeightsInvalidError} if the weights are not what their manifest says, or do not fit the storage type
 */
export async function quantize(options: QuantizeOptions): Promise<{ path: string; manifest: Manifest }> {
  const { weights: path, to, out, calibrate = [], print = () => {} } = options;
  const base = basename(out);
  if (!/^[\w-][\w.-]*$/.test(base)) {
    throw new InvalidInputError('These files cannot be named so.', {
      expected: 'a path whose last part consists of letters, digits, "-", "_" and "."',
      actual: out,
    });
  }
  const model = await readModelFile(path);
  const dtype = STORAGE_TYPES[to];
  const normal = normalizeWeights(model.manifest.config, model.weights);
  const compensate = dtype === 'I8' && calibrate.length > 0;
  if (dtype === 'I8' && !compensate) print('Without faces to calibrate by, each weight goes to its nearest step.');
  const rounded = compensate ? roundWeights(normal, () => PLAN, await moments(model, normal, options)) : normal;
  const { id: source, quantization: _, ...passport } = model.manifest;
  const files = await packModel(base, { ...passport, id: source }, rounded, dtype);
  const stored = await readWeights(files.manifest, async ({ file }) => files.files.get(file) ?? new Uint8Array());
  const effects = await measure(model, options, async (comparison) => comparison(stored));
  const quantization: ManifestQuantization = {
    source,
    dtype,
    rounding: compensate ? 'compensated' : 'nearest',
    effects,
  };
  const card = `${base}.md`;
  const before = await sourceCard(path, model.manifest);
  let manifest: Manifest | undefined;
  await StagedFiles.write(dirname(out), async (staged) => {
    const described: Omit<ModelPassport, 'id'> = { ...passport, modelCard: card, quantization };
    const read = async (name: string): Promise<HostTensor> =>
      rounded.get(name) ?? { shape: [], data: new Float32Array() };
    manifest = await packShards(base, described, read, dtype, (file, bytes) => staged.add(file, bytes));
    const texts = { [card]: quantizedCard(manifest, quantization, before), [`${base}.json`]: json(manifest) };
    for (const [file, text] of Object.entries(texts)) await staged.add(file, text);
  });
  if (!manifest) throw new InvalidInputError(`${out} could not be written.`);
  const bytes = manifest.shards.reduce((sum, shard) => sum + shard.bytes, 0);
  print(`${out}.json: ${manifest.id}, ${(bytes / 1e6).toFixed(2)} MB in ${manifest.shards.length} shards`);
  return { path: `${out}.json`, manifest };
}

const json = (manifest: Manifest) => `${JSON.stringify(manifest, null, 1)}\n`;

/** Second moments of the inputs of every matrix on calibration faces. */
export async function moments(
  { manifest }: LoadedModel,
  normal: ReadonlyMap<string, HostTensor>,
  { calibrate = [], threads = availableParallelism(), print = () => {} }: MeasureOptions,
): Promise<ReadonlyMap<string, Float32Array>> {
  const images = await calibrationImages(
    calibrate,
    CALIBRATION_FACES,
    manifest.crops.map(({ zoom }) => zoom),
  );
  print(`Rounding by the activations of ${calibrate.map((list) => basename(list)).join(', ')}.`);
  return inputMoments(manifest.config, normal, images, threads);
}

/**
 * Measures versions of a model against it, on the faces of every evaluation list.
 *
 * @param versions calls back with the weights of each version
 * @returns what `versions` gives
 */
export async function measure<T>(
  model: LoadedModel,
  {
    evaluation = [],
    pairs,
    faces = COMPARED_FACES,
    threads = availableParallelism(),
    print = () => {},
  }: MeasureOptions,
  versions: (compare: (weights: LoadedModel['weights']) => Promise<QuantizationEffect[]>) => Promise<T>,
): Promise<T> {
  const list = pairs === undefined ? undefined : await readPairs(pairs);
  const sets: (ComparedFaces & { readonly before: Judgement })[] = [];
  const judgeAll = async <U>(
    weights: LoadedModel['weights'],
    use: (predictor: Predictor) => Promise<U>,
  ): Promise<U> => {
    const predictor = await Predictor.of({ manifest: model.manifest, weights }, 'cpu', threads);
    try {
      return await use(predictor);
    } finally {
      await predictor.dispose();
    }
  };
  await judgeAll(model.weights, async (predictor) => {
    for (const path of evaluation) {
      const dataset = await readDataset(path);
      const numbered = list !== undefined && dataset.samples.some(({ number }) => number !== undefined);
      const own = numbered ? { pairs: list } : {};
      const compared = { dataset, samples: chooseFaces(dataset.samples, faces, own.pairs), ...own };
      sets.push({ ...compared, before: await judge(predictor, compared) });
      print(`${dataset.name}: ${compared.samples.length} faces`);
    }
  });
  return versions((weights) =>
    judgeAll(weights, async (predictor) => {
      const effects: QuantizationEffect[] = [];
      for (const set of sets) effects.push(effect(set.dataset.name, set.before, await judge(predictor, set)));
      return effects;
    }),
  );
}

async function sourceCard(path: string, { modelCard }: Manifest): Promise<string | undefined> {
  if (modelCard === undefined) return undefined;
  return readFile(join(dirname(path), modelCard), 'utf8').catch(() => undefined);
}
