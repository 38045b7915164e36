/**
 * Every command of the trainer as people type it, on a few tiny pictures. A start of the program takes seconds where it is
 * not built, so most commands run in this process, through the function that the program calls.
 */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { main } from '../../../packages/trainer/src/cli.js';
import { inRepo } from '../../lib/repo.mjs';
import { node } from '../support/command.js';
import { lfwFaces, utkFaces } from '../support/faces.js';

/** Faces of the UTKFace layout, of which half are held out, and people of LFW's with two pictures each. */
const FACES = 16;
const PEOPLE = 4;

let folder: string;
let pairs: string;
const at = (...parts: string[]) => join(folder, ...parts);
const PROGRAM = 'packages/trainer/bin/swinface-trainer.mjs';

/** What a command prints to stdout; its stderr is left to the test's log. */
async function trainer(...args: string[]): Promise<string> {
  let text = '';
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
    text += String(piece);
    return true;
  });
  try {
    await main(['node', 'swinface-trainer', ...args]);
  } finally {
    stdout.mockRestore();
  }
  return text;
}

/** So that every test runs alone as well. */
const SHIPPED = inRepo('models/swinface-nano.json');

/** The smallest network that the recipe allows, for two steps. */
const recipe = (changes: object = {}) => ({
  model: { name: 'smoke', embed: 4, depths: [1, 1, 1, 1], heads: [1, 1, 1, 1], feature: 16, split: [3, 3, 5, 5] },
  batch: 4,
  length: { steps: 2 },
  seed: 1,
  regularization: { dropPath: 0, dropout: 0 },
  optimizer: {
    learningRate: 0.001,
    minimum: 0,
    warmUp: 0,
    weightDecay: 0,
    beta1: 0.9,
    beta2: 0.99,
    clip: 1,
    averaging: 0.5,
  },
  objectives: {
    weighting: 'uniform',
    weights: { default: 1 },
    labelSmoothing: 0,
    age: { loss: 'absolute', sigma: 3, ramp: 1, centre: 33, spread: 20 },
    distillation: 'off',
    identity: { scale: 8, margin: 0.1, sampling: 1 },
  },
  data: {
    seed: 1,
    cache: at('cache'),
    parts: [
      { list: at('utk/utkface.jsonl'), count: 2 },
      { list: at('lfw/lfw.jsonl'), count: 2, identities: true },
    ],
  },
  passport: { licence: 'for this test only', trainingData: ['blots of colour'] },
  ...changes,
});

/** Five points of a face that fills its picture. */
const POINTS = [
  [38, 52],
  [74, 52],
  [56, 72],
  [42, 92],
  [71, 92],
];

/** What the layouts leave open: where the faces are, which are held out, and for LFW something to learn beside identities. */
async function complete(list: string, from: number): Promise<void> {
  const lines = (await readFile(list, 'utf8')).trim().split('\n');
  const completed = lines.map((line, i) =>
    JSON.stringify({ age: 40, ...JSON.parse(line), points: POINTS, split: i < from ? 'train' : 'val' }),
  );
  await writeFile(list, `${completed.join('\n')}\n`);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-commands-'));
  await utkFaces(at('utk'), FACES);
  pairs = await lfwFaces(at('lfw'), PEOPLE);
  expect(await trainer('list', '--layout', 'utkface', '--folder', at('utk'))).toContain(`${FACES} samples`);
  expect(await trainer('list', '--layout', 'lfw', '--folder', at('lfw'))).toContain(`${2 * PEOPLE} samples`);
  await complete(at('utk/utkface.jsonl'), FACES / 2);
  await complete(at('lfw/lfw.jsonl'), PEOPLE);
  await writeFile(at('recipe.json'), JSON.stringify(recipe()));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the program trains, and main resumes, exports, and starts from what was exported', async () => {
  const run = ['--recipe', at('recipe.json'), '--out', at('run'), '--threads', '1'];
  expect((await node(PROGRAM, 'train', ...run, '--steps', '1')).stdout).toContain('Stopped at step 1');
  expect(await trainer('train', ...run, '--resume')).toContain('Finished at step 2');

  const lists = ['--calibration', at('utk/utkface.jsonl'), '--verification', at('lfw/lfw.jsonl')];
  const exported = await trainer('export', '--run', at('run'), '--out', at('models'), ...lists);
  expect(exported).toContain(at('models/smoke.json'));
  expect((await readdir(at('models'))).some((name) => name.endsWith('.safetensors'))).toBe(true);

  const further = ['--recipe', at('recipe.json'), '--out', at('further'), '--steps', '1', '--threads', '1'];
  expect(await trainer('train', ...further, '--from', at('models/smoke.json'))).toContain('Stopped at step 1');
});

test('evaluate judges the shipped weights', async () => {
  const data = ['--data', at('utk/utkface.jsonl'), at('lfw/lfw.jsonl'), '--pairs', pairs];
  const printed = await trainer('evaluate', '--weights', SHIPPED, ...data, '--split', 'all', '--out', at('report'));
  expect(printed).toMatch(/utkface/i);
  expect(printed).toMatch(/lfw/i);
  expect((await readdir(at('report'))).sort()).toEqual(['report.html', 'report.json']);
});

test('explain shades faces with the shipped weights', async () => {
  const printed = await trainer(
    'explain',
    ...['--weights', SHIPPED, '--data', at('utk/utkface.jsonl'), '--out', at('heat-maps')],
    ...['--faces', '1', '--tasks', 'Age'],
  );
  const pictures = await readdir(at('heat-maps'));
  expect(pictures.length).toBeGreaterThan(0);
  expect(printed).toContain(`${pictures.length} pictures`);
});

test.each(['pytorch', 'safetensors', 'onnx'])('convert writes the shipped weights as %s', async (format) => {
  await mkdir(at('converted'), { recursive: true });
  await trainer('convert', SHIPPED, '--to', format, '--out', at('converted', format));
  const written = (await readdir(at('converted'))).filter((name) => name.startsWith(`${format}.`));
  expect(written).toHaveLength(1);
  // ONNX is a way out only: what it holds is folded.
  if (format === 'onnx') return;
  await trainer('convert', at('converted', written[0] ?? ''), '--out', at('converted', `${format}-again`));
  const read = async (path: string) => JSON.parse(await readFile(path, 'utf8'));
  const again = await read(at('converted', `${format}-again.json`));
  expect(again.config).toEqual({ ...(await read(SHIPPED)).config, name: again.config.name });
});

test.each(['f16', 'int8'])('quantize stores the shipped weights as %s', async (type) => {
  const lists = ['--calibrate', at('utk/utkface.jsonl'), '--evaluation', at('utk/utkface.jsonl')];
  const base = at('quantized', type);
  await mkdir(at('quantized'), { recursive: true });
  const printed = await trainer('quantize', '--weights', SHIPPED, '--to', type, '--out', base, ...lists);
  expect(printed).toContain('utkface');
  const files = (await readdir(at('quantized'))).filter((name) => name.startsWith(type));
  expect(files).toEqual(expect.arrayContaining([`${type}.json`, `${type}.md`]));
});

test('benchmark times a step', async () => {
  const printed = await trainer('benchmark', '--recipe', at('recipe.json'), '--rounds', '1', '--device', 'cpu');
  expect(printed).toMatch(/4 faces: forward .* faces\/s/);
});

test('ablate trains a study and prints its table', async () => {
  const evaluation = [at('utk/utkface.jsonl')];
  const study = {
    seeds: [1, 2],
    evaluation,
    base: recipe({ length: { steps: 1 } }),
    variants: { seeded: { seed: 2 } },
  };
  await writeFile(at('study.json'), JSON.stringify(study));
  const printed = await trainer('ablate', '--study', at('study.json'), '--out', at('runs'), '--threads', '1');
  expect(printed).toMatch(/\| base \|.*\n\| seeded \|/);
});

test('align finds the faces of a photo', async () => {
  await mkdir(at('photos'));
  await copyFile(inRepo('node_modules/@vladmandic/face-api/demo/sample1.jpg'), at('photos/group.jpg'));
  const model = inRepo('.cache/models/face_landmarker.task');
  const printed = await trainer('align', '--photos', at('photos'), '--out', at('photos/list.jsonl'), '--model', model);
  expect(printed).toMatch(/[1-9]\d* faces in 1 images/);
});

test('the README names every command that the program has, and no other', async () => {
  const readme = await readFile(inRepo('packages/trainer/README.md'), 'utf8');
  const named = new Set([...readme.matchAll(/npx swinface-trainer (\w+)/g)].map(([, command]) => command));
  const { stdout } = await node(PROGRAM, '--help');
  const known = new Set([...stdout.matchAll(/^ {2}(\w+) \[options\]/gm)].map(([, command]) => command));
  expect([...named].sort()).toEqual([...known].sort());
});
