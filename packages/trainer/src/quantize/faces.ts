import { CROP_SIZE } from '@swinface/geometry';
import { cropSamples } from '../data/cache.js';
import { ARCFACE_CROP, writeInput } from '../data/crop.js';
import { type FaceSample, readDataset } from '../data/samples.js';
import { selectSplit } from '../evaluate/dataset-report.js';
import { type PairList, parsePairs } from '../evaluate/pairs.js';

const PIXELS = 3 * CROP_SIZE * CROP_SIZE;

/** At most `count` entries, evenly spread over the list. */
export function spread<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list];
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)] as T);
}

/**
 * Faces to compare two models on: the held-out part, evenly thinned; with pairs the faces of evenly chosen ones.
 */
export function chooseFaces(samples: readonly FaceSample[], count: number, pairs?: PairList): FaceSample[] {
  const held = selectSplit(samples, 'held-out');
  if (pairs === undefined) return spread(held, count);
  const chosen = spread(parsePairs(pairs, held).pairs, Math.floor(count / 2));
  const indices = new Set(chosen.flatMap(({ first, second }) => [first, second]));
  return held.filter((_, i) => indices.has(i));
}

/**
 * Faces of the training parts of some sets, as many of each, as the network takes them.
 *
 * @param zooms of the crops that the model reads; every face comes once in each
 * @returns RGB in [-1, 1], [faces * zooms, 3, 112, 112]
 */
export async function calibrationImages(
  lists: readonly string[],
  count: number,
  zooms: readonly number[],
): Promise<Float32Array> {
  const crops: Uint8Array[] = [];
  for (const list of lists) {
    const dataset = await readDataset(list);
    const training = dataset.samples.filter(({ split }) => split === 'train');
    const samples = spread(training.length > 0 ? training : dataset.samples, Math.ceil(count / lists.length));
    for (const scale of zooms) {
      for await (const item of cropSamples(dataset, samples, { ...ARCFACE_CROP, scale })) {
        if ('crop' in item) crops.push(item.crop);
      }
    }
  }
  const images = new Float32Array(crops.length * PIXELS);
  for (const [i, crop] of crops.entries()) writeInput(crop, false, images, i * PIXELS);
  return images;
}
