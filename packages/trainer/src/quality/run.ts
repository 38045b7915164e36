import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InvalidInputError, type LoadedModel, type Manifest, type ManifestRecognisability } from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { readDataset } from '../data/samples.js';
import { StagedFiles } from '../files/durable.js';
import { type ByFault, calibrateRecognisability } from './calibrate.js';
import { recognisabilitySection, type SetReport, withSection } from './card.js';
import { LEARNT, MEASURED_BESIDES } from './degradations.js';
import { Embedder } from './embeddings.js';
import { faultReport } from './measure.js';
import { partsOf, testFaces } from './select.js';

/** What {@link runRecognisability} reads and writes. */
export interface RecognisabilityOptions {
  /** Path of the manifest, which gets the score; its model card, if it has one, the section about it. */
  readonly weights: string;
  /** Lists whose training parts the score is fitted to; at least one with identities, some of which choose the cut. */
  readonly fit: readonly string[];
  /** Lists with identities that it is measured on. */
  readonly test: readonly string[];
  /** Threads of ONNX Runtime. Default 1. */
  readonly threads?: number;
  readonly print?: (line: string) => void;
}

/** Each fault of the fit is drawn onto one training face in so many, in turn: ten faults, two or three a face. */
const EVERY = 4;
/** Seeds of what is drawn; lists count on from them. */
const SEEDS = { fit: 1, cut: 0, test: 4 } as const;

/**
 * Fits the score that tells which faces a model's thresholds hold for, measures it, and writes both into the manifest and
 * its card.
 *
 * @throws {InvalidInputError} if the model measured no thresholds, or the lists do not have the faces it takes
 */
export async function runRecognisability(options: RecognisabilityOptions): Promise<readonly SetReport[]> {
  const { weights, fit, test, threads = 1, print = () => {} } = options;
  const model = await readModelFile(weights);
  const { verification } = model.manifest.calibration;
  if (verification.length === 0) {
    throw new InvalidInputError('There are no thresholds to say where they hold.', {
      expected: 'a manifest with a verification table',
    });
  }
  const { score, tests } = await embedded(model, fit, test, threads, print);
  const reports = tests.map(({ set, faces }) => ({
    set,
    faults: [...faces].map(([fault, rows]) => faultReport(fault, rows, score, verification)),
  }));
  await writeScore(weights, model.manifest, score, reports);
  return reports;
}

async function embedded(
  model: LoadedModel,
  fit: readonly string[],
  test: readonly string[],
  threads: number,
  print: (line: string) => void,
): Promise<{ score: ManifestRecognisability; tests: { set: string; faces: ByFault }[] }> {
  const embedder = await Embedder.of(model, threads);
  try {
    const [fits, cuts]: [ByFault[], ByFault[]] = [[], []];
    for (const [i, list] of fit.entries()) {
      const dataset = await readDataset(list);
      const parts = partsOf(dataset);
      print(`${dataset.name}: ${parts.fit.length} faces to fit to, ${parts.cut.length} to choose the cut by.`);
      fits.push(await embedder.embed(dataset, parts.fit, LEARNT, { seed: SEEDS.fit + i, every: EVERY }));
      if (parts.cut.length > 0) cuts.push(await embedder.embed(dataset, parts.cut, {}, { seed: SEEDS.cut + i }));
    }
    const score = calibrateRecognisability(fits, cuts, embedder.dims);
    const tests: { set: string; faces: ByFault }[] = [];
    for (const [i, list] of test.entries()) {
      const dataset = await readDataset(list);
      const samples = testFaces(dataset);
      print(`${dataset.name}: ${samples.length} faces to measure on.`);
      const seed = SEEDS.test + i;
      const faces = await embedder.embed(dataset, samples, { ...LEARNT, ...MEASURED_BESIDES }, { seed });
      tests.push({ set: dataset.name, faces });
    }
    return { score, tests };
  } finally {
    await embedder.dispose();
  }
}

/** The id stays: it names the weights, which are as they were, and embeddings may be compared as before. */
export async function writeScore(
  path: string,
  manifest: Manifest,
  recognisability: ManifestRecognisability,
  reports: readonly SetReport[],
): Promise<void> {
  const calibration = { ...manifest.calibration, recognisability };
  const { modelCard } = manifest;
  const section = recognisabilitySection(reports, Object.keys(LEARNT));
  const card = modelCard === undefined ? undefined : await readFile(join(dirname(path), modelCard), 'utf8');
  await StagedFiles.write(dirname(path), async (files) => {
    if (modelCard !== undefined && card !== undefined) await files.add(modelCard, withSection(card, section));
    await files.add(basename(path), `${JSON.stringify({ ...manifest, calibration }, null, 1)}\n`);
  });
}
