import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ARCFACE_TEMPLATE } from '@swinface/geometry';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Augmenter, NO_AUGMENTATION, STANDARD_AUGMENTATION } from '../../src/data/augment.js';
import { CropCache } from '../../src/data/cache.js';
import { Random } from '../../src/data/random.js';
import { readDataset } from '../../src/data/samples.js';
import { TarArchive } from '../../src/data/tar.js';
import type { DataRecipe } from '../../src/recipe/data.js';
import { openHeldOut, openTrainingSource } from '../../src/train/data.js';
import { tar } from './support/tar.js';

let folder: string;

const flat = (level: number) =>
  sharp({ create: { width: 112, height: 112, channels: 3, background: { r: level, g: 0, b: 255 - level } } })
    .png()
    .toBuffer();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
  // Ages: set A's faces are red at level 10 * i, aged i; the last image is corrupt. Set B are women with votes.
  const members: Record<string, Buffer> = {};
  const lines: string[] = [];
  for (let i = 0; i < 10; i++) {
    members[`a${i}.png`] = i === 9 ? Buffer.from('not an image') : await flat(10 * i);
    lines.push(
      JSON.stringify({
        key: `a${i}`,
        shard: 'a-00.tar',
        file: `a${i}.png`,
        points: ARCFACE_TEMPLATE,
        age: i,
        identity: `p${i % 3}`,
        split: i === 8 ? 'val' : 'train',
      }),
    );
  }
  await writeFile(join(folder, 'a-00.tar'), tar(members));
  await writeFile(join(folder, 'a.jsonl'), lines.join('\n'));
  await writeFile(join(folder, 'b0.png'), await flat(200));
  const votes = { neutral: 5, happiness: 5, contempt: 0 };
  await writeFile(
    join(folder, 'b.jsonl'),
    JSON.stringify({ key: 'b0', file: 'b0.png', points: null, gender: 'female', votes, split: 'train' }),
  );
});
afterAll(() => rm(folder, { recursive: true }));

const recipe = () => ({
  seed: 3,
  cache: join(folder, 'cache'),
  parts: [
    { list: join(folder, 'a.jsonl'), count: 4, identities: true },
    { list: join(folder, 'b.jsonl'), count: 2, crop: { side: 80, scale: 0.625, channels: 1 } },
  ],
});

describe('TarArchive', () => {
  it('reads members by name and refuses what is no archive', async () => {
    const archive = await TarArchive.open(join(folder, 'a-00.tar'));
    expect(archive.names).toHaveLength(10);
    expect((await archive.read('a9.png')).toString()).toBe('not an image');
    await expect(archive.read('zzz')).rejects.toThrow(/no member zzz/);
    await archive.close();
    const cut = join(folder, 'cut.tar');
    await writeFile(cut, tar({ long: Buffer.alloc(4096) }).subarray(0, 1024));
    await expect(TarArchive.open(cut)).rejects.toThrow(/not a readable tar/);
  });
});

describe('CropCache', () => {
  it('keeps crops in the order of the list, and says which images are corrupt', async () => {
    const dataset = await readDataset(join(folder, 'a.jsonl'));
    const geometry = { side: 144, scale: 1, channels: 3 } as const;
    const made = await CropCache.open(dataset, geometry, join(folder, 'cache'));
    await made.close();
    const cache = await CropCache.open(dataset, geometry, join(folder, 'cache'));
    expect([...cache.skipped.keys()]).toEqual([9]);
    expect(cache.skipped.get(9)?.reason).toMatch(/cannot be decoded/);
    const crop = new Uint8Array(cache.cropBytes);
    for (let i = 0; i < 9; i++) {
      cache.read(i, crop);
      expect([...crop.subarray(30000, 30003)]).toEqual([10 * i, 0, 255 - 10 * i]);
    }
    await cache.close();
  });
});

describe('openTrainingSource', () => {
  it('mixes the parts, labels what is labelled and goes once through each set before it repeats', async () => {
    const lines: string[] = [];
    const data = await openTrainingSource(recipe(), (line) => lines.push(line));
    expect(lines.at(0)).toMatch(
      /^a: 8 train faces, .*left out 1 that cannot be read \(a9: The image cannot be decoded/,
    );
    expect(data.batch).toBe(6);
    expect(data.identities).toBe(3);
    expect(data.skipped.a?.map(({ key }) => key)).toEqual(['a9']);
    // Eight readable training faces of a, four a step: two steps see each once.
    const ages: number[] = [];
    for (let step = 0; step < 2; step++) {
      const batch = await data.source.next();
      expect([...batch.age.weight]).toEqual([1, 1, 1, 1, 0, 0]);
      expect([...(batch.identity?.weight ?? [])]).toEqual([1, 1, 1, 1, 0, 0]);
      for (let n = 0; n < 4; n++) {
        ages.push(batch.age.years[n] ?? -1);
        expect(batch.identity?.label[n]).toBe((batch.age.years[n] ?? 0) % 3);
      }
      const { Gender, Expression, Smiling } = batch.softmax;
      expect([...(Gender?.weight ?? [])]).toEqual([0, 0, 0, 0, 1, 1]);
      expect([...(Gender?.target.subarray(8) ?? [])]).toEqual([1, 0, 1, 0]);
      expect([...(Expression?.target.subarray(28, 35) ?? [])]).toEqual([0, 0, 0, 0.5, 0, 0, 0.5]);
      expect([...(Smiling?.weight ?? [])]).toEqual([0, 0, 0, 0, 0, 0]);
      expect(batch.embedding).toBeUndefined();
    }
    expect(ages.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await data.close();
  });

  it('gives held-out faces the classes of the people that are trained, and strangers none', async () => {
    const data = await openTrainingSource(recipe());
    const [list] = recipe().parts;
    // Four held-out faces: persons p1 and p2, who are trained, and two strangers.
    const lines = (await readFile(join(folder, 'a.jsonl'), 'utf8')).trim().split('\n').slice(0, 4);
    const named = ['p1', 'stranger', 'p2', 'another'].map((identity, i) =>
      JSON.stringify({ ...JSON.parse(lines[i] ?? ''), age: i, identity, split: 'val' }),
    );
    await writeFile(join(folder, 'held.jsonl'), named.join('\n'));
    const parts = [{ ...list, list: join(folder, 'held.jsonl'), count: 4 }] as DataRecipe['parts'];
    const held = await openHeldOut({ ...recipe(), parts }, data.people);
    const { identity, age } = await held.source.next();
    const classes = new Map(
      [...age.years].map((years, i) => [years, identity?.weight[i] ? identity.label[i] : undefined]),
    );
    expect([0, 1, 2, 3].map((face) => classes.get(face))).toEqual([
      data.people.get('p1'),
      undefined,
      data.people.get('p2'),
      undefined,
    ]);
    expect(held.identities).toBe(data.identities);
    await data.close();
    await held.close();
  });

  it('goes on exactly where a saved state left off', async () => {
    const first = await openTrainingSource(recipe());
    for (let i = 0; i < 3; i++) await first.source.next();
    const state = JSON.parse(JSON.stringify(first.source.state()));
    const expected = await first.source.next();
    const second = await openTrainingSource(recipe());
    second.source.restore(state);
    expect(await second.source.next()).toEqual(expected);
    // And it does vary from step to step.
    expect((await second.source.next()).images).not.toEqual(expected.images);
    expect(() => second.source.restore({ step: 1, seed: 99 })).toThrow(/not the state/);
    await first.close();
    await second.close();
  });

  it.each([
    [{ parts: [] }, /data\.parts/],
    [{ parts: [{ list: 'x', count: 0 }] }, /parts\[0\].count/],
    [{ parts: [{ list: 'x', count: 1, augmentation: { zoom: [2, 1] } }] }, /zoom/],
    [{ parts: [{ list: 'x', count: 1, colour: 1 }] }, /colour/],
    [{ cache: 3 }, /data\.cache/],
  ])('refuses the recipe %j', async (change, message) => {
    await expect(openTrainingSource({ ...recipe(), ...change })).rejects.toThrow(message);
  });
});

describe('Augmenter', () => {
  const geometry = { side: 144, scale: 1, channels: 3 } as const;
  const crop = Uint8Array.from({ length: 144 * 144 * 3 }, (_, i) => (i * 31) % 251);

  it('leaves a face as it is when nothing is to be varied', () => {
    const image = new Float32Array(3 * 112 * 112);
    new Augmenter().apply(crop, geometry, NO_AUGMENTATION, new Random(1), image);
    for (const [x, y, c] of [
      [0, 0, 0],
      [111, 111, 2],
      [17, 80, 1],
    ] as const) {
      const expected = ((crop[((y + 16) * 144 + x + 16) * 3 + c] ?? 0) - 127.5) / 127.5;
      expect(image[(c * 112 + y) * 112 + x]).toBeCloseTo(expected, 6);
    }
  });

  it('stays within [-1, 1], and depends on the random stream alone', () => {
    const augmenter = new Augmenter();
    const image = new Float32Array(3 * 112 * 112);
    for (let seed = 0; seed < 40; seed++) {
      augmenter.apply(crop, geometry, { ...STANDARD_AUGMENTATION, distort: 1, colour: 1 }, new Random(seed), image);
      expect(image.every((v) => v >= -1 && v <= 1)).toBe(true);
      const again = new Float32Array(image.length);
      new Augmenter().apply(
        crop,
        geometry,
        { ...STANDARD_AUGMENTATION, distort: 1, colour: 1 },
        new Random(seed),
        again,
      );
      expect(Buffer.compare(Buffer.from(again.buffer), Buffer.from(image.buffer))).toBe(0);
    }
  });

  it('flips half of the faces', () => {
    const half = new Uint8Array(144 * 144 * 3);
    for (let i = 0; i < half.length; i++) half[i] = Math.floor(i / 3) % 144 < 72 ? 255 : 0;
    const image = new Float32Array(3 * 112 * 112);
    let flipped = 0;
    for (let seed = 0; seed < 400; seed++) {
      new Augmenter().apply(half, geometry, { ...NO_AUGMENTATION, flip: 0.5 }, new Random(seed), image);
      if ((image[112 * 50] ?? 0) < 0) flipped++;
    }
    // Binomial(400, 1/2): five standard deviations.
    expect(Math.abs(flipped - 200)).toBeLessThan(50);
  });
});
