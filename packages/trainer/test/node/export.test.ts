import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest, PRESETS, parseManifest, placedTasks, readWeights } from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { expectAllClose } from '@swinface/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../../src/data/random.js';
import { readDataset } from '../../src/data/samples.js';
import type { RunState } from '../../src/engine/checkpoint.js';
import type { EvaluationReport } from '../../src/evaluate/index.js';
import { Predictor } from '../../src/evaluate/predict.js';
import { atTemperatures, exportRun, trainedWeights, weightsToStartFrom } from '../../src/export/export.js';
import { headlineMetrics, modelCard } from '../../src/export/model-card.js';
import { withinClassWhitening } from '../../src/export/whitening.js';
import { parseRecipe, type Recipe } from '../../src/recipe/recipe.js';
import { train } from '../../src/train/train.js';
import { TinySource, tinyRecipe } from './support/tiny.js';

const NANO = PRESETS['swinface-nano'];
let folder: string;
let recipe: Recipe;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-export-'));
  recipe = parseRecipe({
    ...tinyRecipe({ batch: 2, length: { steps: 2 } }),
    model: 'swinface-nano',
    data: { cache: folder, parts: [{ list: 'none.jsonl', count: 2 }] },
    passport: { licence: 'for this test only', trainingData: ['noise'] },
  });
  await train(recipe, new TinySource(2, [], NANO), { out: join(folder, 'run'), device: 'cpu', threads: 1 });
  await exportRun({
    run: join(folder, 'run'),
    out: join(folder, 'models'),
    calibration: [],
  });
}, 60_000); // trains two steps
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the files are what the manifest says, and its tensors the averaged weights', async () => {
  const manifest = parseManifest(JSON.parse(await readFile(join(folder, 'models/swinface-nano.json'), 'utf8')));
  expect(manifest.id).toMatch(/^swinface-nano-[0-9a-f]{8}$/);
  expect(manifest).toMatchObject({ synthetic: false, licence: 'for this test only', metrics: {} });
  const stored = await readWeights(manifest, ({ file }) => readFile(join(folder, 'models', file)));
  const { weights } = await trainedWeights(join(folder, 'run'), recipe);
  expect([...stored.keys()].sort()).toEqual([...weights.keys()].sort());
  for (const [name, { data }] of weights) {
    // Float16 keeps 11 bits: half a unit in the last place is 2^-11; below 2^-14 its steps are 2^-24.
    expectAllClose(stored.get(name)?.data ?? [], data, { atol: 2 ** -24, rtol: 2 ** -11, label: name });
  }
});

test('the last layer of the age says years', async () => {
  const { weights } = await trainedWeights(join(folder, 'run'), recipe);
  const age = placedTasks(NANO).find(({ task }) => task.name === 'Age');
  // Trained for two steps from zero: the bias is still close to the centre of the ages.
  expect(weights.get(`om.output_fcs.${age?.index}.bias`)?.data[0]).toBeCloseTo(recipe.objectives.age.centre, 0);
});

test('exported weights are a start for more training', async () => {
  const start = await weightsToStartFrom(join(folder, 'models/swinface-nano.json'), recipe);
  const age = placedTasks(NANO).find(({ task }) => task.name === 'Age');
  expect(start.get(`om.output_fcs.${age?.index}.bias`)?.data[0]).toBeCloseTo(0, 1);
  const out = join(folder, 'further');
  const summary = await train(recipe, new TinySource(2, [], NANO), {
    out,
    device: 'cpu',
    threads: 1,
    initial: start,
    stopAfter: 1,
  });
  expect(summary).toMatchObject({ step: 1, skipped: 0 });
  await expect(
    weightsToStartFrom(join(folder, 'models/swinface-nano.json'), { ...recipe, model: 'swinface-micro' }),
  ).rejects.toThrow(/not a start for swinface-micro/);
});

test('where the embedding gets another length, its layer alone begins anew', async () => {
  const manifest = join(folder, 'models/swinface-nano.json');
  const start = await weightsToStartFrom(manifest, { ...recipe, model: { ...NANO, embedding: 24 } });
  const { weights } = await readModelFile(manifest);
  expect(start.get('backbone.feature.2.weight')?.shape).toEqual([24, 192]);
  expect(start.get('backbone.feature.3.running_var')?.data).toEqual(new Float32Array(24).fill(1));
  const changed = [...start].flatMap(([name, { data }]) =>
    data.length === weights.get(name)?.data.length && data.every((value, i) => value === weights.get(name)?.data[i])
      ? []
      : [name.split('.').slice(0, 3).join('.')],
  );
  const age = placedTasks(NANO).find(({ task }) => task.name === 'Age');
  // The age is rescaled for training, as ever.
  expect([...new Set(changed)]).toEqual(['backbone.feature.2', 'backbone.feature.3', `om.output_fcs.${age?.index}`]);
});

test('the model card says the terms, the data and the training', async () => {
  const card = await readFile(join(folder, 'models/swinface-nano.md'), 'utf8');
  expect(card).toContain('for this test only');
  expect(card).toContain('- noise');
  expect(card).toContain('2 steps');
  expect(card).toMatch(/`swinface-nano-[0-9a-f]{8}`/);
});

test('thresholds that were learnt at temperature 1 answer the same at the fitted one', () => {
  const learnt = { Bald: 0.3, Smiling: 0.6, Young: 0.7 };
  const held = atTemperatures(learnt, { Bald: 0.5, Smiling: 2.5 });
  const logit = (p: number) => Math.log(p / (1 - p));
  const answers = (task: 'Bald' | 'Smiling' | 'Young', p: number, T: number) =>
    1 / (1 + Math.exp(-logit(p) / T)) >= (held[task] ?? Number.NaN);
  // "Yes" at 0.35 and a threshold of 0.3; at T = 0.5 the probability is 0.22.
  expect(answers('Bald', 0.35, 0.5)).toBe(true);
  expect(answers('Bald', 0.29, 0.5)).toBe(false);
  expect(answers('Smiling', 0.61, 2.5)).toBe(true);
  expect(answers('Smiling', 0.59, 2.5)).toBe(false);
  expect(held.Young).toBeCloseTo(0.7, 12);
});

test('a run without its recipe is refused', async () => {
  await writeFile(join(folder, 'models', 'recipe.json'), '{}');
  await expect(exportRun({ run: join(folder, 'models'), out: folder, calibration: [] })).rejects.toThrow(/recipe/);
});

test('figures of an evaluation enter manifest and card', () => {
  const estimate = (value: number) => ({ value, low: value - 0.01, high: value + 0.01, count: 100 });
  const report = {
    datasets: [
      {
        name: 'faces',
        split: 'held-out',
        faces: 100,
        unlocated: 0,
        skipped: [],
        age: {
          meanAbsoluteError: estimate(6.5),
          meanSquaredError: 70,
          bias: 0,
          cumulativeScore: [],
          epsilonError: 0.5,
        },
        groups: [
          { group: '60+', faces: 10, age: estimate(9) },
          { group: '60+ female', faces: 4, age: estimate(8) },
        ],
      },
    ],
  } as unknown as EvaluationReport;
  expect(headlineMetrics(report)).toEqual({ 'faces age mean absolute error': 6.5 });
  const manifest = { config: NANO, trainingData: [], crops: [], shards: [], calibration: { verification: [] } };
  const state = { step: 9, elapsed: 0, skipped: 1 };
  const card = modelCard(
    manifest as unknown as Manifest,
    recipe,
    [state as RunState, { ...state, step: 7 } as RunState],
    report,
  );
  expect(card).toContain('9 steps, 0.0 hours, 1 steps skipped, then 7 steps, 0.0 hours, 1 steps skipped, seed');
  expect(card).toContain('| faces (100 faces) | age, mean absolute error | 6.50 years (6.49 to 6.51) |');
  expect(card).toContain('| faces | 60+ | 10 | 9.00 years (8.99 to 9.01) |  |');
  expect(card).not.toContain('60+ female');
});

test('a run is a start for more training too, without the rounding of its export', async () => {
  const start = await weightsToStartFrom(join(folder, 'run'), recipe);
  const exported = await weightsToStartFrom(join(folder, 'models/swinface-nano.json'), recipe);
  expect([...start.keys()].sort()).toEqual([...exported.keys()].sort());
  const name = 'backbone.feature.2.weight';
  expectAllClose(exported.get(name)?.data ?? [], start.get(name)?.data ?? [], {
    atol: 2 ** -24,
    rtol: 2 ** -11,
    label: name,
  });
  expect(exported.get(name)?.data).not.toEqual(start.get(name)?.data);
});

test('whitening changes recognition alone, and by what the faces for training say', async () => {
  const points = [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
  ];
  const random = new Random(3);
  const lines: string[] = [];
  for (let i = 0; i < 6; i++) {
    const noise = Buffer.from(Array.from({ length: 14 * 14 * 3 }, () => random.integer(256)));
    const image = sharp(noise, { raw: { width: 14, height: 14, channels: 3 } }).resize(112, 112);
    await writeFile(join(folder, `face${i}.png`), await image.png().toBuffer());
    const split = i < 4 ? 'train' : 'val';
    lines.push(JSON.stringify({ key: `${i}`, file: `face${i}.png`, points, split, identity: i % 2 ? 'Ann' : 'Bob' }));
  }
  const [list, held] = [join(folder, 'persons.jsonl'), join(folder, 'held.jsonl')];
  await writeFile(list, lines.join('\n'));
  await writeFile(held, lines.slice(4).join('\n'));
  const run = join(folder, 'run');
  await expect(exportRun({ run, out: join(folder, 'no'), calibration: [], whiten: held })).rejects.toThrow(
    /cannot whiten embeddings/,
  );
  await exportRun({ run, out: join(folder, 'whitened'), calibration: [], whiten: list });
  const plain = await Predictor.open(join(folder, 'models/swinface-nano.json'));
  const white = await Predictor.open(join(folder, 'whitened/swinface-nano.json'));
  const dataset = await readDataset(list);
  const before = await plain.predict(dataset, dataset.samples, false);
  const after = await white.predict(dataset, dataset.samples, false);
  const { dims } = before;
  const train = before.embeddings.subarray(0, 4 * dims);
  const map = withinClassWhitening(train, dims, ['Bob', 'Ann', 'Bob', 'Ann'], 0.3);
  for (let n = 0; n < 6; n++) {
    const row = before.embeddings.subarray(n * dims, (n + 1) * dims);
    const image = Float64Array.from({ length: dims }, (_, i) =>
      row.reduce((sum, v, j) => sum + (map[i * dims + j] ?? 0) * v, 0),
    );
    const length = Math.hypot(...image);
    // Both are float16 on the way: 2^-11 of the largest element of the weights.
    expectAllClose(
      after.embeddings.subarray(n * dims, (n + 1) * dims),
      image.map((v) => v / length),
      {
        atol: 2e-3,
        rtol: 0,
        label: `face ${n}`,
      },
    );
  }
  expect(before.embeddings).not.toEqual(after.embeddings);
  for (const [task, rows] of before.logits) expect(after.logits.get(task), task).toEqual(rows);
});
