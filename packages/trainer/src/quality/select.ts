import { InvalidInputError } from '@swinface/core';
import type { Dataset, FaceSample } from '../data/samples.js';

/** Faces of one list, at most; more take longer and change little. */
const MOST = { persons: 2500, others: 500, cut: 800, test: 600 } as const;
/** One person in so many takes no part in the fit, so that the cut is chosen on strangers to it. */
const APART = 3;

/** Which faces of a list do what; no person does both. */
export interface Parts {
  /** Training faces that the score is fitted to. */
  readonly fit: readonly FaceSample[];
  /** One face of each person left out of the fit; empty for lists without identities, whose faces may be anybody's. */
  readonly cut: readonly FaceSample[];
}

export function partsOf({ samples }: Dataset): Parts {
  const persons = [...new Set(samples.flatMap(({ identity }) => identity ?? []))];
  const apart = new Set(persons.filter((_, i) => i % APART === 0));
  const isApart = ({ split, identity }: FaceSample) =>
    split !== 'train' || (identity !== undefined && apart.has(identity));
  const fit = samples.filter((sample) => !isApart(sample));
  return {
    fit: thinned(fit, persons.length > 0 ? MOST.persons : MOST.others),
    cut: thinned(onePerPerson(samples.filter(isApart)), MOST.cut),
  };
}

/** One face of each person of a list that nothing was fitted to. @throws {InvalidInputError} if nobody is named */
export function testFaces({ samples, name }: Dataset): readonly FaceSample[] {
  const faces = onePerPerson(samples.filter(({ split }) => split !== 'train'));
  if (faces.length > 1) return thinned(faces, MOST.test);
  throw new InvalidInputError(`${name} cannot show how strangers fare.`, {
    expected: 'faces with "identity" that are not for training',
    actual: `${faces.length} persons`,
  });
}

function onePerPerson(samples: readonly FaceSample[]): FaceSample[] {
  const seen = new Set<string>();
  return samples.filter(({ identity }) => {
    if (identity === undefined || seen.has(identity)) return false;
    seen.add(identity);
    return true;
  });
}

/** At most so many, evenly spread over the list. */
function thinned<T>(list: readonly T[], most: number): T[] {
  const part = (i: number) => Math.floor((i * most) / list.length);
  return list.length <= most ? [...list] : list.filter((_, i) => part(i) !== part(i - 1));
}
