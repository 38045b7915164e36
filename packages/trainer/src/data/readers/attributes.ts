import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { CELEBA_ATTRIBUTES } from '../labels.js';
import type { FaceSample } from '../samples.js';
import type { FivePoints } from '../similarity.js';
import { parseMat } from './mat.js';
import { lines, words } from './text.js';

const PARTS = ['train', 'val', 'test'];

/** Five points from ten numbers x, y, x, y ... in template order. */
export function fivePoints(v: readonly number[]): FivePoints | null {
  if (v.length !== 10 || !v.every(Number.isFinite)) return null;
  const at = (i: number): [number, number] => [v[2 * i] ?? 0, v[2 * i + 1] ?? 0];
  return [at(0), at(1), at(2), at(3), at(4)];
}

/** Values by file name, from lines "file value value ...". */
async function byFile(path: string, headers: number): Promise<Map<string, string[]>> {
  const rows = lines(await readFile(path, 'utf8')).slice(headers);
  return new Map(
    rows.map((line) => {
      const [file = '', ...values] = words(line);
      return [file, values] as const;
    }),
  );
}

/**
 * CelebA as released: `Anno/list_attr_celeba.txt`, `Anno/identity_CelebA.txt`, `Anno/list_landmarks_align_celeba.txt`,
 * `Eval/list_eval_partition.txt` and the aligned images in `Img/img_align_celeba`.
 *
 * @throws {InvalidInputError} if the attributes are not CelebA's 40.
 */
export async function readCelebA(folder: string): Promise<FaceSample[]> {
  const anno = (name: string) => join(folder, 'Anno', name);
  const text = await readFile(anno('list_attr_celeba.txt'), 'utf8');
  const names = words(lines(text)[1] ?? '');
  const known = names.map((name) => name.toLowerCase()).join() === CELEBA_ATTRIBUTES.join().toLowerCase();
  if (!known) {
    throw new InvalidInputError('list_attr_celeba.txt has other attributes.', {
      expected: CELEBA_ATTRIBUTES.join(' '),
      actual: names.join(' '),
    });
  }
  const attributes = await byFile(anno('list_attr_celeba.txt'), 2);
  const identities = await byFile(anno('identity_CelebA.txt'), 0);
  const landmarks = await byFile(anno('list_landmarks_align_celeba.txt'), 2);
  const partition = await byFile(join(folder, 'Eval', 'list_eval_partition.txt'), 0);
  return [...attributes].map(([file, values]) => {
    const identity = identities.get(file)?.[0];
    const split = PARTS[Number(partition.get(file)?.[0])];
    return {
      key: file.replace(/\.\w+$/, ''),
      file: `Img/img_align_celeba/${file}`,
      points: fivePoints((landmarks.get(file) ?? []).map(Number)),
      attributes: values.map((v) => (v === '1' ? '1' : '0')).join(''),
      ...(identity === undefined ? {} : { identity }),
      ...(split === undefined ? {} : { split }),
    };
  });
}

/**
 * LFW as released: one folder a person, `Name/Name_0001.jpg`. Where `lfw_att_40.mat` (LFWA) lies beside the folders,
 * its 40 attributes come along.
 */
export async function readLfw(folder: string): Promise<FaceSample[]> {
  const people = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const attributes = await lfwaAttributes(join(folder, 'lfw_att_40.mat'));
  const samples: FaceSample[] = [];
  for (const { name } of people.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const image of (await readdir(join(folder, name))).sort()) {
      const number = Number(/_(\d{4})\.\w+$/.exec(image)?.[1]);
      if (!number) continue;
      const labels = attributes.get(image.replace(/\.\w+$/, ''));
      samples.push({
        key: image.replace(/\.\w+$/, ''),
        file: `${name}/${image}`,
        points: null,
        identity: name,
        number,
        ...(labels === undefined ? {} : { attributes: labels }),
      });
    }
  }
  return samples;
}

/** LFWA: `name` lists images as "Person\Person_0001.jpg", `label` is [images, 40] with values above 0 for yes. */
async function lfwaAttributes(path: string): Promise<Map<string, string>> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch {
    return new Map();
  }
  const { name, label } = parseMat(bytes);
  if (!Array.isArray(name) || !Array.isArray(label) || label.length !== name.length * CELEBA_ATTRIBUTES.length) {
    throw new InvalidInputError(`${path} does not hold LFWA's labels.`, {
      expected: '`name` of N images and `label` [N, 40]',
      actual: `${Array.isArray(name) ? name.length : 'no'} names`,
    });
  }
  return new Map(
    name.map((entry, i) => {
      const key = String(entry)
        .replace(/^.*[\\/]/, '')
        .replace(/\.\w+$/, '');
      const row = CELEBA_ATTRIBUTES.map((_, k) => (Number(label[k * name.length + i]) > 0 ? '1' : '0'));
      return [key, row.join('')] as const;
    }),
  );
}
