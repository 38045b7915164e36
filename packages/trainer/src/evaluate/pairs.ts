import { InvalidInputError } from '@swinface/core';
import type { FaceSample } from '../data/samples.js';
import { readText } from '../files/read.js';

/** Two images to be judged the same person or different ones. */
export interface FacePair {
  /** Indices into the list of samples. */
  readonly first: number;
  readonly second: number;
  readonly same: boolean;
  /** Which tenth of the list the pair belongs to. */
  readonly fold: number;
}

/** A list of pairs in LFW's format. */
export interface PairList {
  /** Path of its file. */
  readonly path: string;
  readonly text: string;
}

/** @throws {InvalidInputError} if the file cannot be read */
export const readPairs = async (path: string): Promise<PairList> => ({
  path,
  text: await readText(path, "a list of pairs in LFW's format"),
});

const FOLDS = 10;
const MAX_FOLDS = 1000;

/**
 * Reads a list of pairs in LFW's format: a line with the number of pairs of each kind (or "folds pairs"), then lines
 * `name n m` for the same person and `name n other m` for different ones.
 * A list in one piece (View 1) is cut into ten folds, each with a tenth of either kind.
 *
 * @returns the pairs whose two images are both in `samples`, and the number of pairs left out.
 * @throws {InvalidInputError} naming the line that has another form, or if the list is not as long as it says.
 */
export function parsePairs(
  { text, path }: PairList,
  samples: readonly FaceSample[],
): { pairs: FacePair[]; missing: number } {
  const byName = new Map(samples.map(({ identity, number }, i) => [`${identity} ${number}`, i]));
  const lines = text
    .split('\n')
    .flatMap((line, i) => (line.trim() === '' ? [] : [{ line: line.trim(), number: i + 1 }]));
  const [head, ...rows] = lines;
  const { sets, perSet } = sizesOf(head?.line ?? '', path);
  if (rows.length !== 2 * sets * perSet) {
    throw new InvalidInputError(`${path} is not as long as its first line says.`, {
      expected: `${2 * sets * perSet} pairs`,
      actual: String(rows.length),
    });
  }
  const pairs: FacePair[] = [];
  let missing = 0;
  for (const [i, { line, number }] of rows.entries()) {
    const [, a = '', n, b = '', m] = /^(\S+)\s+(\d+)\s+(\S+)(?:\s+(\d+))?$/.exec(line) ?? [];
    const same = m === undefined;
    if (a === '' || (same && !/^\d+$/.test(b))) {
      throw new InvalidInputError(`${path}:${number} is malformed.`, {
        expected: '"name n m" or "name n other m"',
        actual: line.slice(0, 200),
      });
    }
    const first = byName.get(`${a} ${Number(n)}`);
    const second = byName.get(same ? `${a} ${Number(b)}` : `${b} ${Number(m)}`);
    if (first === undefined || second === undefined) {
      missing++;
      continue;
    }
    const fold = sets > 1 ? Math.floor(i / (2 * perSet)) : Math.floor(((i % perSet) * FOLDS) / perSet);
    pairs.push({ first, second, same, fold });
  }
  return { pairs, missing };
}

function sizesOf(head: string, path: string): { sets: number; perSet: number } {
  const [, first, second] = /^(\d{1,6})(?:\s+(\d{1,6}))?$/.exec(head) ?? [];
  const [sets, perSet] = second === undefined ? [1, Number(first)] : [Number(first), Number(second)];
  if (sets >= 1 && sets <= MAX_FOLDS && perSet >= 1) return { sets, perSet };
  throw new InvalidInputError(`${path} is no list of pairs.`, {
    expected: "LFW's header: N, or folds and N",
    actual: head.slice(0, 200),
  });
}
