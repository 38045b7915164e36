/** Heads learnt from a frozen trunk's feature maps: the same as learning them behind the trunk itself. */
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  decodeFloat16,
  type MobileFaceConfig,
  networkOf,
  PRESETS,
  selectOutputs,
  type WeightMap,
} from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import { ARCFACE_TEMPLATE } from '@swinface/geometry';
import { expectAllClose, syntheticWeights } from '@swinface/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_AUGMENTATION } from '../../src/data/augment.js';
import { timesDrawn } from '../../src/data/draws.js';
import { Random } from '../../src/data/random.js';
import { type Dataset, type FaceSample, readDataset } from '../../src/data/samples.js';
import { TrainingStep } from '../../src/engine/step.js';
import { FeatureCache, type View } from '../../src/features/cache.js';
import { FeatureSource } from '../../src/features/source.js';
import { FrozenTrunk } from '../../src/features/trunk.js';
import { learntOutputs } from '../../src/graph/learnt.js';
import type { TrainingBatch } from '../../src/tasks/batch.js';
import { tinyRecipe } from './support/tiny.js';

/** Narrow, at the real side, which crops have. */
const NARROW: MobileFaceConfig = {
  ...PRESETS['swinface-mobile'],
  name: 'narrow',
  trunk: {
    kind: 'mobileface',
    stem: 4,
    stages: [
      { channels: 4, entry: 4, inner: 4, blocks: 1 },
      { channels: 4, entry: 4, inner: 4, blocks: 1 },
      { channels: 4, entry: 4, inner: 4, blocks: 1 },
    ],
    top: 6,
  },
  feature: 8,
  embedding: 5,
  split: [2, 2, 2, 2],
  reduction: 2,
};
const weights: WeightMap = syntheticWeights(NARROW);
const PLAIN: View = { augmentation: NO_AUGMENTATION, seed: 1 };
const MIRRORED: View = { augmentation: { ...NO_AUGMENTATION, flip: 1, shift: 2, colour: 0.5 }, seed: 2 };
const FACES = 7;

let folder: string;
let dataset: Dataset;
let trunk: FrozenTrunk;

/** A picture without symmetry. */
const face = (seed: number) => {
  const random = new Random(seed);
  const pixels = Buffer.from(Array.from({ length: 14 * 14 * 3 }, () => random.integer(256)));
  return sharp(pixels, { raw: { width: 14, height: 14, channels: 3 } })
    .resize(112, 112, { kernel: 'cubic' })
    .png()
    .toBuffer();
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
  const lines: string[] = [];
  for (let i = 0; i < FACES; i++) {
    await writeFile(join(folder, `f${i}.png`), i === 3 ? 'no picture' : await face(i));
    const labels = { age: 10 * i, gender: i % 2 ? 'male' : 'female', attributes: '01'.repeat(20) };
    lines.push(
      JSON.stringify({ key: `f${i}`, file: `f${i}.png`, points: ARCFACE_TEMPLATE, split: 'train', ...labels }),
    );
  }
  await writeFile(join(folder, 'faces.jsonl'), lines.join('\n'));
  dataset = await readDataset(join(folder, 'faces.jsonl'));
  trunk = await FrozenTrunk.create(NARROW, weights);
});
afterAll(async () => {
  await trunk.dispose();
  await rm(folder, { recursive: true });
});

const open = (view: View, cache = 'cache') => FeatureCache.open(dataset, trunk, view, join(folder, cache));

function read(cache: FeatureCache, index: number): Float32Array {
  const half = new Uint16Array(cache.size);
  cache.read(index, half);
  return decodeFloat16(half);
}

describe('FeatureCache', () => {
  test("holds the trunk's maps, averaged to the coarsest, to half precision", async () => {
    const images = new Float32Array(3 * 112 * 112).map((_, i) => Math.sin(i / 50));
    const network = networkOf(selectOutputs(NARROW, ['Recognition']), { levels: true });
    const expected = runReference(network, weights, { shape: [1, 3, 112, 112], data: images });
    const maps = await trunk.run(images);
    let from = 0;
    for (const [index, { side, channels }] of network.levels.entries()) {
      const map = expected[`level${index + 1}`]?.data ?? [];
      const factor = side / 7;
      const pooled = Float64Array.from({ length: 49 * channels }, (_, at) => {
        const [token, channel] = [Math.floor(at / channels), at % channels];
        let sum = 0;
        for (let y = 0; y < factor; y++) {
          for (let x = 0; x < factor; x++) {
            const row = Math.floor(token / 7) * factor + y;
            sum += map[(row * side + (token % 7) * factor + x) * channels + channel] ?? Number.NaN;
          }
        }
        return sum / factor ** 2;
      });
      // Float32 through some thirty layers.
      expectAllClose(maps.subarray(from, from + pooled.length), pooled, {
        atol: 1e-5,
        rtol: 1e-4,
        label: `FM${index + 1}`,
      });
      from += pooled.length;
    }
    expect(from).toBe(trunk.size);
  });

  test('is the same for the same faces and view, another for another view, and says what it leaves out', async () => {
    const [once, again, mirrored] = [await open(PLAIN), await open(PLAIN, 'again'), await open(MIRRORED)];
    expect([...once.skipped.values()]).toMatchObject([{ key: 'f3' }]);
    for (let i = 0; i < FACES; i++) expect(read(again, i)).toEqual(read(once, i));
    expect(read(mirrored, 0)).not.toEqual(read(once, 0));
    expect(read(once, 0)).not.toEqual(read(once, 1));
    expect(read(once, 3).every((value) => value === 0)).toBe(true);
    for (const cache of [once, again, mirrored]) await cache.close();
  });

  test('is computed once, and again where a file was cut short', async () => {
    const [cache] = await readdir(join(folder, 'cache'));
    const [file = ''] = (await readdir(join(folder, 'cache', cache ?? ''))).filter((name) => name.endsWith('.f16'));
    const path = join(folder, 'cache', cache ?? '', file);
    const { mtimeMs, size } = await stat(path);
    await Promise.all([PLAIN, MIRRORED].map(async (view) => (await open(view)).close()));
    expect((await stat(path)).mtimeMs).toBe(mtimeMs);
    await writeFile(path, 'cut');
    await Promise.all([PLAIN, MIRRORED].map(async (view) => (await open(view)).close()));
    expect((await stat(path)).size).toBe(size);
  });
});

test('heads learn from cached maps what they learn behind the trunk itself', async () => {
  const count = 4;
  const random = new Random(9);
  const images = Float32Array.from({ length: count * 3 * 112 * 112 }, () => random.uniform(-1, 1));
  const maps = await trunk.run(images);
  let from = 0;
  const levels = trunk.levels.map(({ side, channels }) => {
    const width = side * side * channels;
    const level = new Float32Array(count * width);
    for (let i = 0; i < count; i++)
      level.set(maps.subarray(i * trunk.size + from, i * trunk.size + from + width), i * width);
    from += width;
    return level;
  });
  const gender = { target: Float32Array.from([1, 0, 0, 1, 1, 0, 0, 1]), weight: Float32Array.of(1, 1, 0, 1) };
  const age = { years: Float32Array.of(3, 20, 50, 80), weight: Float32Array.of(1, 0.5, 1, 1) };
  const batch: TrainingBatch = { count, images, levels, softmax: { Gender: gender }, age };

  const { objectives } = tinyRecipe();
  const behind = tinyRecipe({
    model: NARROW,
    batch: count,
    outputs: ['Gender', 'Age'],
    features: { trunk: 'none', views: [{}] },
    objectives: { ...objectives, distillation: 'off', weighting: 'uniform' },
  });
  const { features: _, ...whole } = { ...behind, frozen: ['stem', 'stem_depthwise', 'stages', 'top'] };
  const results = [];
  for (const recipe of [behind, whole]) {
    const step = await TrainingStep.create(learntOutputs(NARROW, recipe), weights, recipe, {
      device: 'cpu',
      threads: 1,
    });
    results.push(await step.run(batch, 0, 0.5));
    await step.dispose();
  }
  const [cached, through] = results;
  expect(cached?.total).toBeGreaterThan(0);
  expect([...(cached?.gradients.keys() ?? [])]).toEqual([...(through?.gradients.keys() ?? [])]);
  expect(cached?.gradients.has('subnets.convs.3')).toBe(true);
  for (const [name, gradient] of through?.gradients ?? []) {
    const size = Math.max(...gradient.map(Math.abs));
    // The same graph behind the same numbers; float32 rounding of maps that were computed with another fusion.
    expectAllClose(cached?.gradients.get(name) ?? [], gradient, { atol: 1e-6 + 1e-4 * size, rtol: 1e-3, label: name });
  }
});

test('batches of maps carry the labels of their faces and go on where they stood', async () => {
  const views = [await open(PLAIN), await open(MIRRORED)];
  const source = () => new FeatureSource([{ views, indices: Uint32Array.of(0, 1, 2, 4), count: 3 }], trunk.levels, 5);
  const first = source();
  const batches = [await first.next(), await first.next()];
  const second = source();
  await second.next();
  const state = second.state();
  const third = source();
  third.restore(JSON.parse(JSON.stringify(state)));
  expect(await third.next()).toEqual(batches[1]);
  for (const { levels = [], age } of batches) {
    for (let slot = 0; slot < 3; slot++) {
      const index = (age.years[slot] ?? 0) / 10;
      const width = levels.map((level) => level.length / 3);
      const joined = Float32Array.from(
        levels.flatMap((level, l) => [...level.subarray(slot * (width[l] ?? 0), (slot + 1) * (width[l] ?? 0))]),
      );
      expect(views.map((view) => read(view, index))).toContainEqual(joined);
    }
  }
  for (const view of views) await view.close();
});

test('faces are drawn as often as each emphasis that they fall under says', () => {
  const sample = (labels: Partial<FaceSample>): FaceSample => ({ key: '', file: '', points: null, ...labels });
  const emphasis = [
    { age: [0, 9], times: 2 },
    { gender: 'female', race: 'black', times: 3 },
    { expression: 'fear', times: 5 },
  ] as const;
  expect(timesDrawn(sample({}), emphasis)).toBe(1);
  expect(timesDrawn(sample({ age: 9 }), emphasis)).toBe(2);
  expect(timesDrawn(sample({ age: 9, gender: 'female', race: 'black' }), emphasis)).toBe(6);
  expect(timesDrawn(sample({ age: 10, gender: 'male', race: 'black' }), emphasis)).toBe(1);
  expect(timesDrawn(sample({ votes: { fear: 6, neutral: 4 } }), emphasis)).toBe(5);
  expect(timesDrawn(sample({ votes: { fear: 5, neutral: 5 } }), emphasis)).toBe(1);
});
