import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import type { BatchSource } from '../batch.js';
import { type Embeddings, teacherEmbeddings } from '../teacher/embed.js';
import { fitProjection, project } from '../teacher/pca.js';
import { STANDARD_AUGMENTATION } from './augment.js';
import { CropCache, type SkippedSample } from './cache.js';
import type { CropGeometry } from './crop.js';
import { identityAttributes } from './identity-attributes.js';
import { softmaxTargets } from './labels.js';
import { type DataRecipe, parseDataRecipe } from './recipe.js';
import { type Dataset, type FaceSample, readDataset } from './samples.js';
import { MixedSource, type TrainingPart } from './source.js';

/** Data made ready for training. */
export interface TrainingData {
  readonly source: BatchSource;
  /** Faces per batch. */
  readonly batch: number;
  /** Length of the teacher's projected embeddings; 0 without teacher. */
  readonly teacherDims: number;
  /** Number of identity classes; 0 where none are trained. */
  readonly identities: number;
  /** p(attribute | identity) [identities, 40], counted on the faces that are trained on; NaN where none says it. */
  readonly identityAttributes: Float32Array;
  /** Images that could not be read, by set. */
  readonly skipped: Readonly<Record<string, readonly SkippedSample[]>>;
  close(): void;
}

const DEFAULT_CROP: CropGeometry = Object.freeze({ side: 144, scale: 1, channels: 3 });

/** Finds a recipe's teacher: a path as it is, else a file of an installed package. */
export function resolveModel(model: string): string {
  if (/^([./\\]|[A-Za-z]:)/.test(model)) return model;
  const [name = '', ...rest] = model.split('/');
  for (const folder of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    const path = join(folder, name, ...rest);
    if (existsSync(path)) return path;
  }
  throw new InvalidInputError(`The teacher ${model} is not installed.`, { hint: `Run npm install ${name}.` });
}

const inSplit = (dataset: Dataset, split: string): number[] =>
  dataset.samples.flatMap((sample, i) => (sample.split === split ? [i] : []));

/**
 * Opens the data of a recipe: crops and teacher embeddings are computed on first use and kept in the cache folder.
 *
 * @param data a {@link DataRecipe} or the like from a file; it is checked.
 * @param log receives one line per slow step.
 * @throws {InvalidInputError} if a list is malformed or a part is left without samples.
 */
export async function openTrainingSource(data: unknown, log: (line: string) => void = () => {}): Promise<TrainingData> {
  const recipe = parseDataRecipe(data);
  const opened = new Map<string, Promise<Dataset>>();
  const dataset = (list: string): Promise<Dataset> => {
    let promise = opened.get(list);
    if (!promise) {
      promise = readDataset(list);
      opened.set(list, promise);
    }
    return promise;
  };
  const teacher = recipe.teacher
    ? await openTeacher(recipe, recipe.teacher, dataset, log)
    : new Map<string, Float32Array>();
  const identities = new Map<string, number>();
  const identified: FaceSample[] = [];
  const skipped: Record<string, readonly SkippedSample[]> = {};
  const parts: TrainingPart[] = [];
  for (const part of recipe.parts) {
    const faces = await dataset(part.list);
    const split = part.split ?? 'train';
    const cache = await CropCache.open(faces, part.crop ?? DEFAULT_CROP, recipe.cache, (done, total) => {
      if (done % 4096 === 0) log(`${faces.name}: cropped ${done} of ${total} faces`);
    });
    skipped[faces.name] = [...cache.skipped.values()];
    const embeddings = part.embeddingWeight ? teacher.get(part.list) : undefined;
    const indices = inSplit(faces, split).filter((i) => {
      const sample = faces.samples[i];
      if (!sample || cache.skipped.has(i)) return false;
      return sample.age !== undefined || embeddings !== undefined || softmaxTargets(sample).size > 0;
    });
    if (part.identities) {
      for (const i of indices) {
        const sample = faces.samples[i];
        if (sample?.identity === undefined) continue;
        identities.set(sample.identity, identities.get(sample.identity) ?? identities.size);
        identified.push(sample);
      }
    }
    parts.push({
      cache,
      indices: Uint32Array.from(indices),
      count: part.count,
      augmentation: { ...STANDARD_AUGMENTATION, ...part.augmentation },
      embeddingWeight: part.embeddingWeight ?? 0,
      ...(embeddings ? { embeddings } : {}),
      ...(part.identities ? { identities } : {}),
    });
    log(`${faces.name}: ${indices.length} ${split} faces, ${part.count} per step, ${cache.skipped.size} unreadable`);
  }
  const source = new MixedSource(parts, recipe.seed, recipe.teacher?.dims ?? 0);
  return {
    source,
    batch: source.batch,
    teacherDims: recipe.teacher?.dims ?? 0,
    identities: identities.size,
    identityAttributes: identityAttributes(identified, identities),
    skipped,
    close: () => {
      for (const { cache } of parts) cache.close();
    },
  };
}

/** Teacher embeddings of every list that asks for them, projected onto `dims` directions fitted on the training faces of
 * the parts with the largest `embeddingWeight`. */
async function openTeacher(
  recipe: DataRecipe,
  { model, dims }: { readonly model: string; readonly dims: number },
  dataset: (list: string) => Promise<Dataset>,
  log: (line: string) => void,
): Promise<Map<string, Float32Array>> {
  const path = resolveModel(model);
  const weights = new Map<string, number>();
  for (const { list, embeddingWeight = 0 } of recipe.parts) {
    if (embeddingWeight > 0) weights.set(list, Math.max(embeddingWeight, weights.get(list) ?? 0));
  }
  const lists = [...weights.keys()];
  // Faces that count for less, because the teacher is less sure of them, must not choose the directions.
  const deciding = lists.filter((list) => weights.get(list) === Math.max(...weights.values()));
  const full = new Map<string, Embeddings>();
  let [count, from] = [0, 0];
  for (const list of lists) {
    const data = await dataset(list);
    const embeddings = await teacherEmbeddings(path, data, recipe.cache, (done, total) => {
      if (done % 1024 === 0) log(`${data.name}: teacher saw ${done} of ${total} faces`);
    });
    full.set(list, embeddings);
    from = embeddings.dims;
    if (deciding.includes(list)) count += inSplit(data, 'train').length;
  }
  const train = new Float32Array(count * from);
  let at = 0;
  for (const list of deciding) {
    const { values } = full.get(list) as Embeddings;
    for (const i of inSplit(await dataset(list), 'train')) {
      train.set(values.subarray(i * from, (i + 1) * from), at);
      at += from;
    }
  }
  if (dims > from) {
    throw new InvalidInputError('The student embedding is longer than the teacher can fill.', {
      expected: `at most ${from} dimensions`,
      actual: `${dims}`,
    });
  }
  log(`teacher: ${from} dimensions to ${dims}, fitted on ${count} faces`);
  const projection = fitProjection(train, from, dims, Array(count).keys());
  return new Map([...full].map(([list, { values }]) => [list, project(values, projection)]));
}
