import { InvalidInputError } from '@swinface/core';
import { NO_AUGMENTATION } from '../data/augment.js';
import type { SkippedSample } from '../data/cache.js';
import { timesDrawn } from '../data/draws.js';
import { softmaxTargets } from '../data/labels.js';
import { type Dataset, inSplit, readDataset } from '../data/samples.js';
import { FeatureCache, type View } from '../features/cache.js';
import { type FeaturePart, FeatureSource } from '../features/source.js';
import { FrozenTrunk, readTrunk } from '../features/trunk.js';
import { recipeConfig } from '../recipe/config.js';
import type { PartRecipe } from '../recipe/data.js';
import type { FeaturesRecipe, Recipe } from '../recipe/recipe.js';
import type { TrainingData } from './data.js';

/** The views of a recipe; each has a seed of its own, so that views which come later change none before them. */
const viewsOf = ({ views }: FeaturesRecipe): readonly View[] =>
  views.map((changes, index) => ({ augmentation: { ...NO_AUGMENTATION, ...changes }, seed: 1000 + index }));

/**
 * Opens a recipe's data as feature maps of its frozen trunk, which are computed on first use and kept in the cache folder:
 * about 82 KB a face and view.
 *
 * @param split instead of the parts' own; what is held out is seen plainly, and each face once
 * @param log receives one line per slow step
 * @throws {InvalidInputError} if the recipe freezes no trunk, a list is malformed, or a part is left without samples
 */
export async function openFeatures(
  recipe: Pick<Recipe, 'model' | 'heads' | 'objectives' | 'features' | 'data'>,
  { split, log = () => {} }: { readonly split?: string; readonly log?: (line: string) => void } = {},
): Promise<TrainingData> {
  const { features, data } = recipe;
  if (!features)
    throw new InvalidInputError('The recipe freezes no trunk.', { expected: 'features: { trunk, views }' });
  const config = recipeConfig(recipe);
  const trunk = await FrozenTrunk.create(config, await readTrunk(config, features.trunk));
  const skipped: Record<string, readonly SkippedSample[]> = {};
  const opened: FeatureCache[] = [];
  const close = async () => {
    for (const cache of opened) await cache.close();
  };
  const open = async (dataset: Dataset, view: View, number: number): Promise<FeatureCache> => {
    const cache = await FeatureCache.open(dataset, trunk, view, data.cache, (done, total) => {
      if (done % 1024 === 0) log(`${dataset.name}: view ${number}, ${done} of ${total} faces`);
    });
    opened.push(cache);
    skipped[dataset.name] = [...cache.skipped.values()];
    return cache;
  };
  const openPart = async (part: PartRecipe): Promise<FeaturePart> => {
    const dataset = await readDataset(part.list);
    const views: FeatureCache[] = [];
    const wanted = viewsOf(features).slice(0, split === undefined ? part.views : 1);
    for (const [index, view] of wanted.entries()) views.push(await open(dataset, view, index + 1));
    const emphasis = split === undefined ? (part.emphasis ?? []) : [];
    const indices = inSplit(dataset, split ?? part.split ?? 'train').flatMap((i) => {
      const sample = dataset.samples[i];
      if (!sample || views.some(({ skipped }) => skipped.has(i))) return [];
      const labelled = sample.age !== undefined || softmaxTargets(sample).size > 0;
      return labelled ? Array<number>(timesDrawn(sample, emphasis)).fill(i) : [];
    });
    log(`${dataset.name}: ${new Set(indices).size} faces in ${views.length} views, ${part.count} per step`);
    return { views, indices: Uint32Array.from(indices), count: part.count };
  };
  try {
    const parts: FeaturePart[] = [];
    for (const part of data.parts) parts.push(await openPart(part));
    const source = new FeatureSource(parts, trunk.levels, data.seed);
    const none = {
      teacherDims: 0,
      identities: 0,
      people: new Map<string, number>(),
      identityAttributes: new Float32Array(),
    };
    return { ...none, source, batch: source.batch, skipped, close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    await trunk.dispose();
  }
}
