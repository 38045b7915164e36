import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { at } from '@swinface/core/internal';
import type { FivePoints } from '@swinface/geometry';
import { readText, unreadable } from '../../files/read.js';
import { CELEBA_ATTRIBUTES } from '../labels.js';
import { type FaceSample, known } from '../samples.js';
import { count, type LeaveOut } from './fields.js';
import { parseMat } from './mat.js';
import { lines, words } from './text.js';

const PARTS = ['train', 'val', 'test'];

/** Five points from ten numbers x, y, x, y ... in template order. Published annotations name pixels, whose centres lie on .5. */
export function fivePoints(v: readonly number[]): FivePoints | null {
  if (v.length !== 10 || !v.every(Number.isFinite)) return null;
  const point = (i: number): [number, number] => [at(v, 2 * i) + 0.5, at(v, 2 * i + 1) + 0.5];
  return [point(0), point(1), point(2), point(3), point(4)];
}

interface Labels {
  readonly where: string;
  readonly values: readonly string[];
}

/**
 * Values by file name, from lines "file value value ...".
 *
 * @throws {InvalidInputError} naming the line that has more or fewer values than `width`
 */
async function byFile(path: string, headers: number, width: number): Promise<Map<string, Labels>> {
  const rows = lines(await readText(path, "CelebA's annotations"), path).slice(headers);
  return new Map(
    rows.map(({ text, where }) => {
      const [file = '', ...values] = words(text);
      if (values.length === width) return [file, { where, values }] as const;
      throw new InvalidInputError(`${where} is malformed.`, {
        expected: `a file's name and ${width} values`,
        actual: `${values.length} values`,
      });
    }),
  );
}

/**
 * CelebA as released: `Anno/list_attr_celeba.txt`, `Anno/identity_CelebA.txt`, `Anno/list_landmarks_align_celeba.txt`,
 * `Eval/list_eval_partition.txt` and the aligned images in `Img/img_align_celeba`.
 *
 * @throws {InvalidInputError} if the attributes are not CelebA's 40, or a line is malformed.
 */
export async function readCelebA(folder: string): Promise<FaceSample[]> {
  const anno = (name: string) => join(folder, 'Anno', name);
  const path = anno('list_attr_celeba.txt');
  const names = words(lines(await readText(path, "CelebA's annotations"), path)[1]?.text ?? '');
  if (names.map((name) => name.toLowerCase()).join() !== CELEBA_ATTRIBUTES.join().toLowerCase()) {
    throw new InvalidInputError(`${path} has other attributes.`, {
      expected: CELEBA_ATTRIBUTES.join(' '),
      actual: names.join(' '),
    });
  }
  const attributes = await byFile(path, 2, CELEBA_ATTRIBUTES.length);
  const identities = await byFile(anno('identity_CelebA.txt'), 0, 1);
  const landmarks = await byFile(anno('list_landmarks_align_celeba.txt'), 2, 10);
  const partition = await byFile(join(folder, 'Eval', 'list_eval_partition.txt'), 0, 1);
  return [...attributes].map(([file, { values, where }]) => {
    const part = partition.get(file);
    return {
      key: file.replace(/\.\w+$/, ''),
      file: `Img/img_align_celeba/${file}`,
      points: fivePoints((landmarks.get(file)?.values ?? []).map(Number)),
      attributes: values.map((value) => yesOrNo(where, value)).join(''),
      ...known({
        identity: identities.get(file)?.values[0],
        split: part && PARTS[count(part.where, part.values[0] ?? '', PARTS.length - 1)],
      }),
    };
  });
}

function yesOrNo(where: string, value: string): '0' | '1' {
  if (value === '1') return '1';
  if (value === '-1') return '0';
  throw new InvalidInputError(`${where} holds a label that is not known.`, { expected: '1 or -1', actual: value });
}

/**
 * LFW as released: one folder a person, `Name/Name_0001.jpg`. Where `lfw_att_40.mat` (LFWA) lies beside the folders,
 * its 40 attributes come along.
 */
export async function readLfw(folder: string, leaveOut: LeaveOut = () => {}): Promise<FaceSample[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(unreadable(folder, 'the folder of a data set'));
  const people = entries.filter((entry) => entry.isDirectory());
  const attributes = await lfwaAttributes(join(folder, 'lfw_att_40.mat'));
  const samples: FaceSample[] = [];
  for (const { name } of people.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const image of (await readdir(join(folder, name))).sort()) {
      const number = Number(/_(\d{4})\.\w+$/.exec(image)?.[1]);
      if (!number) {
        leaveOut('the name has no number');
        continue;
      }
      const key = image.replace(/\.\w+$/, '');
      samples.push({
        key,
        file: `${name}/${image}`,
        points: null,
        identity: name,
        number,
        ...known({ attributes: attributes.get(key) }),
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
  const { name, label } = parseMat(bytes, path);
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
