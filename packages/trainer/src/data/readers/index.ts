import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import type { FaceSample } from '../samples.js';
import { readAdience, readImdbWiki, readMorph, readUtkFace } from './ages.js';
import { readCelebA, readLfw } from './attributes.js';
import { readAffectNet, readFerPlus, readRafDb } from './expressions.js';

/** Reads a data set as its authors release it; `file` of each sample is relative to the folder. */
export type LayoutReader = (folder: string) => Promise<FaceSample[]>;

/** The layouts that can be read, by name. */
export const LAYOUTS: Readonly<Record<string, LayoutReader>> = Object.freeze({
  adience: readAdience,
  affectnet: readAffectNet,
  celeba: readCelebA,
  ferplus: readFerPlus,
  'imdb-wiki': readImdbWiki,
  lfw: readLfw,
  morph: readMorph,
  'raf-db': readRafDb,
  utkface: readUtkFace,
});

/**
 * Writes the list of a data set, `LAYOUT.jsonl`, into the data set's own folder, where training and evaluation can read it.
 * Samples whose points the layout does not give still have to be aligned.
 *
 * @returns path of the list and its number of samples.
 * @throws {InvalidInputError} if the layout is unknown, or nothing in the folder fits it.
 */
export async function writeList(layout: string, folder: string): Promise<{ path: string; samples: number }> {
  const read = Object.hasOwn(LAYOUTS, layout) ? LAYOUTS[layout] : undefined;
  if (!read) {
    throw new InvalidInputError('There is no such layout.', {
      expected: Object.keys(LAYOUTS).join(', '),
      actual: layout,
    });
  }
  const samples = await read(folder);
  if (samples.length === 0) throw new InvalidInputError(`${folder} holds nothing in the layout ${layout}.`);
  const path = join(folder, `${layout}.jsonl`);
  await writeFile(path, `${samples.map((sample) => JSON.stringify(sample)).join('\n')}\n`);
  return { path, samples: samples.length };
}
