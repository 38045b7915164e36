import { NO_AUGMENTATION, STANDARD_AUGMENTATION } from '../data/augment.js';
import { CropCache, type SkippedSample } from '../data/cache.js';
import type { CropGeometry } from '../data/crop.js';
import { identityAttributes } from '../data/identity-attributes.js';
import { softmaxTargets } from '../data/labels.js';
import { type Dataset, type FaceSample, inSplit, readDataset } from '../data/samples.js';
import { MixedSource, type TrainingPart } from '../data/source.js';
import { type DataRecipe, type PartRecipe, parseDataRecipe } from '../recipe/data.js';
import type { BatchSource } from '../tasks/batch.js';
import { openTeacher } from '../teacher/open.js';

/** Data made ready for training. */
export interface TrainingData {
  readonly source: BatchSource;
  /** Faces per batch. */
  readonly batch: number;
  /** Length of the teacher's projected embeddings; 0 without teacher. */
  readonly teacherDims: number;
  /** Number of identity classes; 0 where none are trained. */
  readonly identities: number;
  /** The class of each person that is trained. */
  readonly people: ReadonlyMap<string, number>;
  /** p(attribute | identity) [identities, 40], counted on the faces that are trained on; NaN where none says it. */
  readonly identityAttributes: Float32Array;
  /** Images that could not be read, by set. */
  readonly skipped: Readonly<Record<string, readonly SkippedSample[]>>;
  close(): Promise<void>;
}

const DEFAULT_CROP: CropGeometry = Object.freeze({ side: 144, scale: 1, channels: 3 });

/**
 * Opens the data of a recipe: crops and teacher embeddings are computed on first use and kept in the cache folder.
 *
 * @param data a {@link DataRecipe} or the like from a file; it is checked.
 * @param log receives one line per slow step.
 * @throws {InvalidInputError} if a list is malformed or a part is left without samples.
 */
export async function openTrainingSource(data: unknown, log: (line: string) => void = () => {}): Promise<TrainingData> {
  return openSource(parseDataRecipe(data), log);
}

/** @param known classes of the people that are trained; others have none. By default, everybody gets one */
async function openSource(
  recipe: DataRecipe,
  log: (line: string) => void,
  known?: ReadonlyMap<string, number>,
): Promise<TrainingData> {
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
  const identities = new Map<string, number>(known);
  const identified: FaceSample[] = [];
  const skipped: Record<string, readonly SkippedSample[]> = {};
  const parts: TrainingPart[] = [];
  const close = async () => {
    for (const { cache } of parts) await cache.close();
  };
  try {
    for (const part of recipe.parts) {
      const faces = await dataset(part.list);
      const opened = await openPart(
        recipe,
        part,
        faces,
        part.embeddingWeight ? teacher.get(part.list) : undefined,
        log,
      );
      parts.push(part.identities ? { ...opened, identities } : opened);
      skipped[faces.name] = [...opened.cache.skipped.values()];
      if (!part.identities) continue;
      for (const i of opened.indices) {
        const sample = faces.samples[i];
        if (sample?.identity === undefined) continue;
        if (!known) identities.set(sample.identity, identities.get(sample.identity) ?? identities.size);
        identified.push(sample);
      }
    }
    const source = new MixedSource(parts, recipe.seed, recipe.teacher?.dims ?? 0);
    return {
      source,
      batch: source.batch,
      teacherDims: recipe.teacher?.dims ?? 0,
      identities: identities.size,
      people: identities,
      identityAttributes: identityAttributes(identified, identities),
      skipped,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens the crops of a part, chooses its faces and says what is left out. */
async function openPart(
  recipe: DataRecipe,
  part: PartRecipe,
  faces: Dataset,
  embeddings: Float32Array | undefined,
  log: (line: string) => void,
): Promise<TrainingPart> {
  const split = part.split ?? 'train';
  const cache = await CropCache.open(faces, part.crop ?? DEFAULT_CROP, recipe.cache, (done, total) => {
    if (done % 4096 === 0) log(`${faces.name}: cropped ${done} of ${total} faces`);
  });
  const candidates = inSplit(faces, split);
  const readable = candidates.filter((i) => !cache.skipped.has(i));
  const indices = readable.filter((i) => {
    const sample = faces.samples[i];
    return sample && (sample.age !== undefined || embeddings !== undefined || softmaxTargets(sample).size > 0);
  });
  const [first] = candidates.flatMap((i) => cache.skipped.get(i) ?? []);
  const unreadable = candidates.length - readable.length;
  log(
    `${faces.name}: ${indices.length} ${split} faces, ${part.count} per step; left out ${unreadable} that cannot be ` +
      `read${first ? ` (${first.key}: ${first.reason})` : ''}, ${readable.length - indices.length} without a label`,
  );
  return {
    cache,
    indices: Uint32Array.from(indices),
    count: part.count,
    augmentation: { ...STANDARD_AUGMENTATION, ...part.augmentation },
    embeddingWeight: part.embeddingWeight ?? 0,
    ...(embeddings ? { embeddings } : {}),
  };
}

/**
 * The held-out parts of a recipe's sets, as they are.
 *
 * @param people classes of the people that are trained: who is none of them has no class, and no say in the identity's loss
 */
export const openHeldOut = (data: DataRecipe, people: ReadonlyMap<string, number>): Promise<TrainingData> =>
  openSource(
    parseDataRecipe({
      ...data,
      parts: data.parts.map((part) => ({ ...part, split: 'val', augmentation: NO_AUGMENTATION })),
    }),
    () => {},
    people,
  );
