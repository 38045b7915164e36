/** Runs that learnt different outputs behind one frozen trunk, exported as one model. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PRESETS, parseManifest, placedTasks, RECOGNITION, readWeights } from '@swinface/core';
import { ARCFACE_TEMPLATE } from '@swinface/geometry';
import { expectAllClose } from '@swinface/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MOBILEFACE_SOURCE, mobileFaceWeights } from '../../src/convert/mobileface.js';
import { exportRun, trainedWeights, weightsToStartFrom } from '../../src/export/export.js';
import { parseRecipe, type Recipe } from '../../src/recipe/recipe.js';
import { openFeatures } from '../../src/train/feature-data.js';
import { train } from '../../src/train/train.js';
import { tinyRecipe } from './support/tiny.js';

const TASKS = placedTasks(PRESETS['swinface-mobile']).map(({ task }) => task.name);
const AGE = ['Gender', 'Age', 'Young'];

let folder: string;
const run = (name: string) => join(folder, name);

function recipeFor(outputs: readonly string[]): Recipe {
  const plain = tinyRecipe();
  return parseRecipe({
    ...plain,
    model: 'swinface-mobile',
    batch: 2,
    length: { steps: 2 },
    outputs,
    features: { trunk: `${MOBILEFACE_SOURCE.package}/${MOBILEFACE_SOURCE.file}`, views: [{}, { flip: 1 }] },
    objectives: { ...plain.objectives, distillation: 'off' },
    data: { cache: run('cache'), parts: [{ list: run('faces.jsonl'), count: 2 }] },
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-heads-'));
  const lines = [30, 60, 90].map((age, i) => {
    const labels = { age, gender: 'male', attributes: '01'.repeat(20), votes: { fear: 9 } };
    return JSON.stringify({ key: `f${i}`, file: `${i}.png`, points: ARCFACE_TEMPLATE, split: 'train', ...labels });
  });
  for (let i = 0; i < 3; i++) {
    const background = { r: 80 * i, g: 90, b: 200 };
    await sharp({ create: { width: 112, height: 112, channels: 3, background } })
      .png()
      .toFile(run(`${i}.png`));
  }
  await writeFile(run('faces.jsonl'), lines.join('\n'));
  for (const [name, outputs] of [
    ['age', AGE],
    ['rest', TASKS.filter((task) => !AGE.includes(task))],
  ] as const) {
    const recipe = recipeFor(outputs);
    const data = await openFeatures(recipe);
    await train(recipe, data.source, { out: run(name), device: 'cpu', threads: 1 });
    await data.close();
  }
}, 120_000); // two graphs of all subnets to compile, two steps each
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the model holds the trunk as it came, and the subnets of each run', async () => {
  await exportRun({ run: [run('age'), run('rest')], out: run('models'), calibration: [] });
  const manifest = parseManifest(JSON.parse(await readFile(run('models/swinface-mobile.json'), 'utf8')));
  expect(manifest.crops[0]?.outputs).toEqual([RECOGNITION, ...TASKS]);
  const stored = await readWeights(manifest, ({ file }) => readFile(run(`models/${file}`)));
  const source = dirname(createRequire(import.meta.url).resolve(`${MOBILEFACE_SOURCE.package}/package.json`));
  const trunk = mobileFaceWeights(await readFile(join(source, MOBILEFACE_SOURCE.file)));
  const expected = new Map([...trunk].map(([name, tensor]) => [`backbone.${name}`, tensor]));
  for (const [name, outputs] of [
    ['age', AGE],
    ['rest', TASKS.slice(3)],
  ] as const) {
    const { weights } = await trainedWeights(run(name), recipeFor(outputs));
    for (const [tensor, values] of weights) if (!tensor.startsWith('backbone.')) expected.set(tensor, values);
  }
  expect([...stored.keys()].sort()).toEqual([...expected.keys()].sort());
  // Half a unit in the last place of float16.
  for (const [name, { data }] of expected) {
    expectAllClose(stored.get(name)?.data ?? [], data, { atol: 2 ** -24, rtol: 2 ** -11, label: name });
  }
});

test('what no run has learnt is missed by name', async () => {
  await expect(exportRun({ run: run('age'), out: run('half'), calibration: [] })).rejects.toThrow(
    /not learnt fam\.nets\.2/,
  );
});

test('a run is a start for another of the same outputs', async () => {
  const start = await weightsToStartFrom(run('age'), recipeFor(AGE));
  const { weights } = await trainedWeights(run('age'), recipeFor(AGE));
  const name = 'fam.nets.1.conv.convs.2.weight';
  expect(start.get(name)).toEqual(weights.get(name));
});

test.each<[string, object, RegExp]>([
  [
    'an identity to learn',
    { objectives: { ...tinyRecipe().objectives, distillation: 'cosine' } },
    /keeps its identity/,
  ],
  ['no view', { features: { trunk: 'x', views: [] } }, /features\.views|views/],
])('a recipe that freezes its trunk is refused with %s', (_, change, message) => {
  expect(() => parseRecipe({ ...recipeFor(AGE), ...change })).toThrow(message);
});
