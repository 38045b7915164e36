import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { align } from '../../src/align/align.js';
import { type FaceSample, readDataset } from '../../src/data/samples.js';
import { ACTION_UNITS } from '../../src/tasks/heads.js';
import { MIRRORED_LANDMARKS } from '../../src/tasks/landmarks.js';

const faceApi = dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'));
const model = fileURLToPath(new URL('../../../../.cache/models/face_landmarker.task', import.meta.url));

let folder: string;
let samples: readonly FaceSample[];
const byKey = (key: string) => {
  const sample = samples.find((entry) => entry.key === key);
  if (!sample?.points) throw new Error(`No sample ${key}`);
  return { ...sample, points: sample.points };
};

beforeAll(async () => {
  expect(existsSync(model), 'the set-up finds the landmark model').toBe(true);
  folder = await mkdtemp(join(tmpdir(), 'swinface-align-'));
  const group = join(folder, 'group.jpg');
  await copyFile(join(faceApi, 'demo/sample1.jpg'), group);
  // The largest face alone, and its mirror image.
  await align({ photos: folder, out: join(folder, 'first.jsonl'), model });
  const [largest] = (await readDataset(join(folder, 'first.jsonl'))).samples;
  const [left, right] = largest?.points ?? [];
  if (!left || !right) throw new Error('No face in the group');
  const side = Math.round(4 * (right[0] - left[0]));
  const middle = [(left[0] + right[0]) / 2, (left[1] + right[1]) / 2].map((v) => Math.max(0, Math.round(v - side / 2)));
  const cut = sharp(group).extract({ left: middle[0] ?? 0, top: middle[1] ?? 0, width: side, height: side });
  await cut.clone().png().toFile(join(folder, 'one.png'));
  await sharp(join(folder, 'one.png')).flop().toFile(join(folder, 'other.png'));
  await sharp({ create: { width: 60, height: 60, channels: 3, background: 'grey' } })
    .png()
    .toFile(join(folder, 'wall.png'));
  const summary = await align({ photos: folder, out: join(folder, 'list.jsonl'), model, labels: true });
  expect(summary.images).toBe(4);
  expect(summary.without).toEqual(['wall']);
  samples = (await readDataset(join(folder, 'list.jsonl'))).samples;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('every face of a group photo becomes a sample', () => {
  expect(samples.filter(({ key }) => key.startsWith('group#')).length).toBeGreaterThanOrEqual(3);
});

test('a mirrored face has the mirrored points and landmarks', async () => {
  const [one, other] = [byKey('one'), byKey('other')];
  const { width = 0 } = await sharp(join(folder, 'one.png')).metadata();
  const eyes = Math.abs(one.points[1][0] - one.points[0][0]);
  // The landmarker is not exactly symmetric: a tenth of the distance between the eyes.
  expect(Math.abs(width - other.points[1][0] - one.points[0][0])).toBeLessThan(0.1 * eyes);
  MIRRORED_LANDMARKS.forEach((to, from) => {
    const [x = 0, y = 0] = one.landmarks?.slice(2 * from, 2 * from + 2) ?? [];
    const [u = 0, v = 0] = other.landmarks?.slice(2 * to, 2 * to + 2) ?? [];
    expect(Math.hypot(width - u - x, v - y), `landmark ${from}`).toBeLessThan(0.1 * eyes);
  });
});

test('action units are told from the blendshapes', () => {
  for (const { actionUnits } of samples) {
    expect(actionUnits).toHaveLength(ACTION_UNITS.length);
    for (const strength of actionUnits ?? []) {
      expect(strength).toBeGreaterThanOrEqual(0);
      expect(strength).toBeLessThanOrEqual(1);
    }
  }
});

test('a list keeps its labels, and its points say which face is meant', async () => {
  const lines = (await readFile(join(folder, 'list.jsonl'), 'utf8')).trim().split('\n');
  const last = lines.filter((line) => line.includes('"group#')).at(-1) ?? '';
  const { landmarks: _, actionUnits: __, ...kept } = JSON.parse(last) as FaceSample;
  await writeFile(join(folder, 'again.jsonl'), `${JSON.stringify({ ...kept, age: 31, split: 'val' })}\n`);
  await align({ photos: join(folder, 'again.jsonl'), out: join(folder, 'labelled.jsonl'), model, labels: true });
  const [sample] = (await readDataset(join(folder, 'labelled.jsonl'))).samples;
  expect(sample).toMatchObject({ key: kept.key, age: 31, split: 'val' });
  expect(sample?.landmarks).toHaveLength(144);
  // The crop around the face differs from the one that a search gives: a few percent of the eyes' distance.
  const [before, after] = [kept.points?.[2] ?? [0, 0], sample?.points?.[2] ?? [9, 9]];
  const eyes = Math.abs((kept.points?.[1][0] ?? 0) - (kept.points?.[0][0] ?? 0));
  expect(Math.hypot(after[0] - before[0], after[1] - before[1])).toBeLessThan(0.1 * eyes);
});

test('a folder without photographs is an error that says so', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'swinface-empty-'));
  await expect(align({ photos: empty, out: join(empty, 'list.jsonl'), model })).rejects.toThrow(/holds no photographs/);
  await rm(empty, { recursive: true });
});
