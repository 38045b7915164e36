import { InvalidInputError } from '@swinface/core';
import type { FaceSample } from '../data/samples.js';

/** Two images to be told same or different. */
export interface FacePair {
  /** Indices into the list of samples. */
  readonly first: number;
  readonly second: number;
  readonly same: boolean;
  /** Which tenth of the list the pair belongs to. */
  readonly fold: number;
}

const FOLDS = 10;

/**
 * Reads a list of pairs in LFW's format: a line with the number of pairs of each kind (or "folds pairs"), then lines
 * `name n m` for the same person and `name n other m` for different ones.
 * A list in one piece (View 1) is cut into ten folds, each with a tenth of either kind.
 *
 * @returns the pairs whose two images are both in `samples`, and the number of pairs left out.
 * @throws {InvalidInputError} if a line has another form.
 */
export function parsePairs(text: string, samples: readonly FaceSample[]): { pairs: FacePair[]; missing: number } {
  const byName = new Map(samples.map(({ identity, number }, i) => [`${identity} ${number}`, i]));
  const [head = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  const sizes = head.trim().split(/\s+/).map(Number);
  const [sets, perSet] = sizes.length === 2 ? sizes : [1, sizes[0]];
  if (!sets || !perSet || sizes.length > 2) {
    throw new InvalidInputError('This is no list of pairs.', {
      expected: "LFW's header: N, or folds and N",
      actual: head,
    });
  }
  const pairs: FacePair[] = [];
  let missing = 0;
  for (const [i, line] of lines.entries()) {
    const [a = '', n = '', b = '', m] = line.trim().split(/\s+/);
    const same = m === undefined;
    if (b === '') {
      throw new InvalidInputError(`Line ${i + 2} of the pairs is malformed.`, {
        expected: '"name n m" or "name n other m"',
        actual: line,
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
