/** Damaged lists, archives, MATLAB files, tables and pairs. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type FuzzTarget, mutateBytes, mutateJson } from '@swinface/testing';
import { parseMat } from '../../src/data/readers/mat.js';
import { parseList, parseSample } from '../../src/data/samples.js';
import { TarArchive } from '../../src/data/tar.js';
import { parsePairs } from '../../src/evaluate/pairs.js';
import { MemorySource } from '../../src/files/byte-source.js';
import { matFile } from '../node/support/mat.js';

const fixture = (name: string) => readFileSync(fileURLToPath(new URL(`../fixtures/tars/${name}.tar`, import.meta.url)));

/** A sample with every label. */
const SAMPLE = {
  key: 'a',
  shard: 'a-00.tar',
  file: 'a.png',
  points: [38, 73, 56, 41, 70].map((x, i) => [x, 50 + 10 * i]),
  split: 'train',
  age: 30,
  gender: 'female',
  race: 'white',
  identity: 7,
  number: 2,
  attributes: '01'.repeat(20),
  votes: {
    neutral: 4,
    happiness: 0,
    surprise: 0,
    sadness: 1,
    anger: 3,
    disgust: 2,
    fear: 0,
    contempt: 0,
    unknown: 0,
    NF: 0,
  },
  landmarks: Array.from({ length: 144 }, (_, i) => i),
  actionUnits: Array.from({ length: 17 }, () => 0.5),
};

const MAT = {
  name: 'wiki',
  fields: {
    dob: { numbers: [723671, 719529] },
    full_path: { cells: [{ text: '17/1_1981-05-05_2009.jpg' }, { text: '' }] },
    gender: { numbers: [1, Number.NaN] },
    deep: { cells: [{ cells: [{ fields: { a: { numbers: [1] } } }] }] },
  },
};

const PAIRS = ['2 3', ...Array.from({ length: 12 }, (_, i) => (i % 6 < 3 ? 'Ann\t1\t2' : 'Ann\t1\tBob\t1')), ''].join(
  '\n',
);
const PEOPLE = ['Ann 1', 'Ann 2', 'Bob 1'].map((name) => {
  const [identity = '', number] = name.split(' ');
  return { key: name, file: name, points: null, identity, number: Number(number) };
});

/** Every member of an archive. */
async function readTar(bytes: Uint8Array): Promise<void> {
  const archive = await TarArchive.from(new MemorySource(bytes), 'damaged.tar');
  for (const name of archive.names) await archive.read(name);
}

/** The targets, on small files that are sound. */
export function dataTargets(): FuzzTarget[] {
  const lines = Buffer.from(
    `${JSON.stringify(SAMPLE)}\n${JSON.stringify({ key: 'b', file: 'b.png', points: null })}\n`,
  );
  const tars = [fixture('pax'), fixture('gnu')] as const;
  const mats = [matFile(false, MAT), matFile(true, MAT)] as const;
  return [
    {
      name: 'list, its bytes',
      make: (random) => {
        const file = mutateBytes(random, lines);
        return async () => parseList(file, 'damaged.jsonl');
      },
    },
    {
      name: 'list, a line of it',
      make: (random) => {
        const line = JSON.stringify(mutateJson(random, SAMPLE)) ?? 'undefined';
        return async () => parseSample(line, 'damaged.jsonl:1');
      },
    },
    {
      name: 'tar',
      make: (random) => {
        const headers = Array.from({ length: 20 }, (_, i) => 512 * i);
        const file = mutateBytes(random, random.pick(tars), random.pick(tars), [
          ...headers,
          ...headers.map((at) => at + 124),
        ]);
        return () => readTar(file);
      },
    },
    {
      name: 'tar, with checksums that fit',
      make: (random) => {
        const file = withChecksums(mutateBytes(random, random.pick(tars), random.pick(tars)));
        return () => readTar(file);
      },
    },
    {
      name: 'MATLAB file',
      make: (random) => {
        const file = mutateBytes(random, mats[0], mats[1], [126, 128, 136, 160, 200]);
        return async () => parseMat(file, 'damaged.mat');
      },
    },
    {
      name: 'MATLAB file, compressed',
      make: (random) => {
        const file = mutateBytes(random, mats[1], mats[0], [126, 128, 136]);
        return async () => parseMat(file, 'damaged.mat');
      },
    },
    {
      name: 'pairs',
      make: (random) => {
        const text = mutateBytes(random, Buffer.from(PAIRS)).toString();
        return async () => parsePairs({ path: 'damaged.txt', text }, PEOPLE);
      },
    },
  ];
}

/** Mends the checksum of everything that looks like a header, so that damage gets past it. */
function withChecksums(file: Buffer): Buffer {
  for (let at = 0; at + 512 <= file.length; at += 512) {
    const block = file.subarray(at, at + 512);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(32, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return file;
}
