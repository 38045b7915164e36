import { basename, dirname } from 'node:path';
import {
  type HostTensor,
  InvalidInputError,
  type ModelConfig,
  type ModelPassport,
  networkOf,
  placedTasks,
  RECOGNITION,
  selectOutputs,
  tensorShapes,
  type WeightMap,
} from '@swinface/core';
import { exportOnnxParts } from '@swinface/core/onnx';
import { StagedFiles } from '../files/durable.js';
import { type FittedWeights, fitWeights } from './fit.js';
import { type WeightFile, withWeightFile } from './open.js';
import type { Ignored } from './tensors.js';
import { writeModel } from './write-model.js';
import { writePytorch } from './write-pytorch.js';
import { writeSafetensorsFile } from './write-safetensors.js';

/** Kinds of files that {@link convert} writes. */
export const CONVERT_FORMATS = Object.freeze(['swinface', 'pytorch', 'safetensors', 'onnx'] as const);
/** One of {@link CONVERT_FORMATS}. */
export type ConvertFormat = (typeof CONVERT_FORMATS)[number];

/** What {@link convert} reads and writes. */
export interface ConvertOptions {
  /** A PyTorch checkpoint, a safetensors file or a manifest. */
  readonly file: string;
  /** Path of the output without its extension; its last part names the files. */
  readonly out: string;
  /** `swinface`: a manifest and shards, as pages load them; the default. */
  readonly to?: ConvertFormat;
  /** The network; by default the one in the file's manifest, else the one whose sizes the tensors have. */
  readonly config?: ModelConfig;
  /** Terms of the weights, for the manifest. */
  readonly licence?: string;
  readonly print?: (line: string) => void;
}

/** What {@link convert} did. */
export interface ConvertSummary {
  /** Kind of file that was read. */
  readonly format: string;
  readonly config: ModelConfig;
  readonly ignored: readonly Ignored[];
  /** Written files; the manifest is last. */
  readonly files: readonly string[];
}

const EXTENSIONS: Readonly<Record<ConvertFormat, string>> = {
  swinface: '.json',
  pytorch: '.pt',
  safetensors: '.safetensors',
  onnx: '.onnx',
};
const UNKNOWN_LICENCE = 'Unknown: ask the makers of these weights before you use them.';

/**
 * Turns weights of one kind of file into another. Values are float32 and otherwise unchanged; nothing is folded, except in
 * ONNX graphs. Output files appear complete or not at all. Checkpoints are read tensor by tensor, so memory does not grow
 * with them; ONNX graphs and manifests as input are held as a whole.
 *
 * @throws {InvalidInputError} if a file cannot be read or written, or is of no known kind
 * @throws {WeightsInvalidError} if the file is damaged, holds anything but tensors and plain values, or does not fit the network
 * @example
 * await convert({ file: 'checkpoint_step_79999_gpu_0.pt', out: 'models/swinface-t' });
 */
export async function convert(options: ConvertOptions): Promise<ConvertSummary> {
  const { file, to = 'swinface', print = () => {} } = options;
  const base = basename(options.out, EXTENSIONS[to]);
  if (!/^\w[\w.-]*$/.test(base)) {
    throw new InvalidInputError('The output has no usable name.', {
      expected: 'letters, digits, "_", "-" and "." after the folder',
      actual: JSON.stringify(options.out),
    });
  }
  return withWeightFile(file, async (opened) => {
    const fitted = fitWeights(opened, options.config);
    print(`${file}: ${opened.format}, ${opened.tensors.size} tensors, fits ${fitted.config.name}`);
    for (const { what, tensors, why } of fitted.ignored) {
      print(`ignored ${what}${tensors > 0 ? ` (${tensors} tensor${tensors > 1 ? 's' : ''})` : ''}: ${why}`);
    }
    const files = await StagedFiles.write(dirname(options.out), (staged) =>
      WRITERS[to]({ staged, base, fitted, opened, options }),
    );
    for (const path of files) print(`wrote ${path}`);
    return { format: opened.format, config: fitted.config, ignored: fitted.ignored, files };
  });
}

interface Job {
  readonly staged: StagedFiles;
  readonly base: string;
  readonly fitted: FittedWeights;
  readonly opened: WeightFile;
  readonly options: ConvertOptions;
}

const WRITERS: Readonly<Record<ConvertFormat, (job: Job) => Promise<unknown>>> = {
  swinface: ({ staged, base, fitted, opened, options }) =>
    writeModel(staged, base, passportOf(fitted, opened, options.licence), fitted.read),
  pytorch: ({ staged, base, fitted }) =>
    staged.add(`${base}.pt`, (file) => writePytorch(file, tensorShapes(fitted.config), fitted.read)),
  safetensors: ({ staged, base, fitted }) =>
    staged.add(`${base}.safetensors`, (file) => writeSafetensorsFile(file, tensorShapes(fitted.config), fitted.read)),
  onnx: async ({ staged, base, fitted }) => {
    const parts = exportOnnxParts(networkOf(selectOutputs(fitted.config)).folded, await readAll(fitted));
    await staged.add(`${base}.onnx`, async (file) => {
      for (const part of parts) await file.write(part);
    });
  },
};

async function readAll({ config, read }: FittedWeights): Promise<WeightMap> {
  const weights = new Map<string, HostTensor>();
  for (const name of tensorShapes(config).keys()) weights.set(name, await read(name));
  return weights;
}

/** The passport of the file's own manifest, or one that claims nothing: no calibration, no figures. */
function passportOf({ config }: FittedWeights, { manifest }: WeightFile, licence?: string): Omit<ModelPassport, 'id'> {
  if (manifest) {
    const { format: _, version: __, id: ___, shards: ____, tensors: _____, ...passport } = manifest;
    return licence === undefined ? passport : { ...passport, licence };
  }
  return {
    config,
    synthetic: false,
    crops: [{ zoom: 1, outputs: [RECOGNITION, ...placedTasks(config).map(({ task }) => task.name)] }],
    calibration: { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] },
    licence: licence ?? UNKNOWN_LICENCE,
    trainingData: [],
    metrics: {},
  };
}
