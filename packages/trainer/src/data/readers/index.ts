import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { writeWhole } from '../../files/durable.js';
import { type FaceSample, jsonLines } from '../samples.js';
import { readAdience, readImdbWiki, readMorph, readUtkFace } from './ages.js';
import { readCelebA, readLfw } from './attributes.js';
import { readAffectNet, readFerPlus, readRafDb } from './expressions.js';
import type { LeaveOut } from './fields.js';

/**
 * Reads a data set as its authors release it; `file` of each sample is relative to the folder. Labels that are blank are
 * absent; `leaveOut` is called for each sample that is left out.
 */
export type LayoutReader = (folder: string, leaveOut?: LeaveOut) => Promise<FaceSample[]>;

/** What {@link writeList} did. */
export interface ListSummary {
  readonly path: string;
  readonly samples: number;
  /** Number of samples that were left out, by the reason. */
  readonly leftOut: Readonly<Record<string, number>>;
}

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
 * @throws {InvalidInputError} if the layout is unknown, nothing in the folder fits it, or a label is not known; the last
 *   names file and line
 */
export async function writeList(layout: string, folder: string): Promise<ListSummary> {
  const read = Object.hasOwn(LAYOUTS, layout) ? LAYOUTS[layout] : undefined;
  if (!read) {
    throw new InvalidInputError('There is no such layout.', {
      expected: Object.keys(LAYOUTS).join(', '),
      actual: layout,
    });
  }
  const leftOut: Record<string, number> = {};
  const samples = await read(folder, (reason) => {
    leftOut[reason] = (leftOut[reason] ?? 0) + 1;
  });
  if (samples.length === 0) throw new InvalidInputError(`${folder} holds nothing in the layout ${layout}.`);
  const path = join(folder, `${layout}.jsonl`);
  await writeWhole(path, jsonLines(samples));
  return { path, samples: samples.length, leftOut };
}
