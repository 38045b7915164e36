import { ATTRIBUTE_TASKS } from '../data/labels.js';
import { Random } from '../data/random.js';
import type { FaceSample } from '../data/samples.js';
import { ageBand } from './groups.js';
import { clusteredShare, type Estimate } from './statistics.js';
import { type RatePoint, rateTable } from './verification.js';

/** Every two strangers. */
export const ALL_STRANGERS = 'all';
/** Every two strangers of one sex and age band: what verification meets where people resemble each other. */
export const ALIKE = 'one sex and age band';

/** Beyond this many faces only a random part of them is compared with each other: 8,000 make 32 million pairs. */
const MOST_FACES = 8000;

/**
 * Age band and sex of a face, as "20-39 female" or, by CelebA's attributes, "older male"; undefined where a label lacks.
 */
export function peersOf({ gender, age, attributes }: FaceSample): string | undefined {
  const attribute = (name: string) => attributes && attributes[ATTRIBUTE_TASKS.indexOf(name)] === '1';
  const male = gender === undefined ? attribute('Gender') : gender === 'male';
  const young = attribute('Young');
  const band = age === undefined ? (young === undefined ? undefined : young ? 'young' : 'older') : ageBand(age);
  return male === undefined || band === undefined ? undefined : `${band} ${male ? 'male' : 'female'}`;
}

/** Pairs of a person that count, and those of them that match. */
interface Tally {
  readonly pairs: Float64Array;
  readonly matches: Float64Array;
}

/** Every two faces of known identity, compared. */
export class PairTable {
  /** Similarities of pairs of one person, ascending. */
  readonly genuine: Float32Array;
  /** Groups of strangers: all, those alike in sex and age band, and each such band. */
  readonly groups: readonly string[];
  /** By face: index of the person, and of the peers (-1 where unknown). */
  readonly #person: Int32Array;
  readonly #peers: Int32Array;
  readonly #bands: readonly string[];
  readonly #persons: number;
  /** Row a holds the similarities of face a to those before it. */
  readonly #similarities: Float32Array;

  /**
   * @param rows unit embeddings [N, dims]
   * @param samples the N faces; those without an identity are left out
   */
  constructor(rows: Float32Array, dims: number, samples: readonly FaceSample[]) {
    let known = samples.flatMap(({ identity }, i) => (identity === undefined ? [] : [i]));
    if (known.length > MOST_FACES) {
      const order = new Random(29).permutation(known.length);
      known = [...order.subarray(0, MOST_FACES)].flatMap((k) => known[k] ?? []);
    }
    const persons = new Map<string, number>();
    const bands = new Map<string, number>();
    const code = (codes: Map<string, number>, name: string) => {
      const value = codes.get(name) ?? codes.size;
      codes.set(name, value);
      return value;
    };
    this.#person = Int32Array.from(known, (i) => code(persons, samples[i]?.identity ?? ''));
    this.#peers = Int32Array.from(known, (i) => {
      const sample = samples[i];
      const peers = sample && peersOf(sample);
      return peers === undefined ? -1 : code(bands, peers);
    });
    this.#persons = persons.size;
    this.#bands = [...bands.keys()];
    this.groups = [ALL_STRANGERS, ...(bands.size > 0 ? [ALIKE, ...this.#bands] : [])];
    this.#similarities = similaritiesOf(rows, dims, known);
    this.genuine = this.#collect((a, b) => this.#person[a] === this.#person[b]).sort();
  }

  /** Similarities of pairs of strangers of a group, ascending. */
  strangers(group: string): Float32Array {
    const within = this.#within(group);
    return this.#collect((a, b) => this.#person[a] !== this.#person[b] && within(a, b)).sort();
  }

  /** Share of a group's strangers who match at a threshold. The interval allows for one face being in many pairs. */
  falseMatches(threshold: number, group: string): Estimate {
    const within = this.#within(group);
    const counts = (a: number, b: number) => this.#person[a] !== this.#person[b] && within(a, b);
    const { matches, pairs } = this.#tally(threshold, counts);
    return clusteredShare(matches, pairs, 2);
  }

  /** Share of pairs of one person that do not match at a threshold; the interval as in {@link falseMatches}. */
  misses(threshold: number): Estimate {
    const { matches, pairs } = this.#tally(threshold, (a, b) => this.#person[a] === this.#person[b]);
    // Both faces of such a pair are credited to the same person.
    const missed = pairs.map((n, i) => (n - (matches[i] ?? 0)) / 2);
    return clusteredShare(
      missed,
      pairs.map((n) => n / 2),
      1,
    );
  }

  #within(group: string): (a: number, b: number) => boolean {
    if (group === ALL_STRANGERS) return () => true;
    const peers = this.#peers;
    if (group === ALIKE) return (a, b) => peers[a] === peers[b] && peers[a] !== -1;
    const band = this.#bands.indexOf(group);
    return (a, b) => peers[a] === band && peers[b] === band;
  }

  #collect(counts: (a: number, b: number) => boolean): Float32Array {
    const found = new Float32Array(this.#similarities.length);
    let length = 0;
    this.#each((a, b, similarity) => {
      if (counts(a, b)) found[length++] = similarity;
    });
    return found.slice(0, length);
  }

  /** Both persons of a pair are credited with it. */
  #tally(threshold: number, counts: (a: number, b: number) => boolean): Tally {
    const pairs = new Float64Array(this.#persons);
    const matches = new Float64Array(this.#persons);
    const credit = (into: Float64Array, face: number) => {
      const person = this.#person[face] ?? 0;
      into[person] = (into[person] ?? 0) + 1;
    };
    this.#each((a, b, similarity) => {
      if (!counts(a, b)) return;
      credit(pairs, a);
      credit(pairs, b);
      if (similarity < threshold) return;
      credit(matches, a);
      credit(matches, b);
    });
    return { pairs, matches };
  }

  #each(visit: (a: number, b: number, similarity: number) => void): void {
    let at = 0;
    for (let a = 0; a < this.#person.length; a++) {
      for (let b = 0; b < a; b++) visit(a, b, this.#similarities[at++] ?? 0);
    }
  }
}

/** Inner products of every two of the chosen rows, the later with those before it. */
function similaritiesOf(rows: Float32Array, dims: number, chosen: readonly number[]): Float32Array {
  const similarities = new Float32Array((chosen.length * (chosen.length - 1)) / 2);
  let at = 0;
  for (const [a, i] of chosen.entries()) {
    const row = rows.subarray(i * dims, (i + 1) * dims);
    for (let b = 0; b < a; b++) {
      const from = (chosen[b] ?? 0) * dims;
      let sum = 0;
      for (let d = 0; d < dims; d++) sum += (row[d] ?? 0) * (rows[from + d] ?? 0);
      similarities[at++] = sum;
    }
  }
  return similarities;
}

/** A threshold that holds a rate for each group of strangers. */
export interface StrictestPoint extends RatePoint {
  /** The group that needs this threshold; its rate is `falseMatchRate`. */
  readonly group: string;
  readonly matches: Estimate;
  readonly misses: Estimate;
}

/**
 * For each target the highest of the thresholds that keep it for all strangers, for strangers alike, and within each
 * band. A band too small for a target (fewer than ten expected errors) does not speak about it, and a target that
 * strangers alike are too few for is left out.
 *
 * @param targets false match rates, descending
 */
export function strictestTable(table: PairTable, targets: readonly number[]): StrictestPoint[] {
  if (table.genuine.length === 0) return [];
  const tables = table.groups.map((group) => ({
    group,
    points: rateTable(table.genuine, table.strangers(group), targets),
  }));
  const needed = tables.find(({ group }) => group === ALIKE) ?? tables[0];
  let floor = -1;
  return (needed?.points ?? []).map(({ target }) => {
    const candidates = tables.flatMap(({ group, points }) =>
      points.filter((point) => point.target === target).map((point) => ({ group, point })),
    );
    const { group, point } = candidates.reduce((strict, other) =>
      other.point.threshold > strict.point.threshold ? other : strict,
    );
    floor = Math.max(floor, point.threshold);
    const [matches, misses] = [table.falseMatches(floor, group), table.misses(floor)];
    const rates = { threshold: floor, falseMatchRate: matches.value, falseNonMatchRate: misses.value };
    return { target, ...rates, group, matches, misses };
  });
}

/** How a rate that a manifest promises holds on other faces. */
export interface KeptRate {
  /** As promised. */
  readonly falseMatchRate: number;
  readonly threshold: number;
  readonly group: string;
  /** Share of strangers of the group who match, of `count` pairs. */
  readonly matches: Estimate;
}

/** What the points of a manifest's table come to on these faces, group by group. */
export function keptRates(
  table: PairTable,
  points: readonly { readonly falseMatchRate: number; readonly threshold: number }[],
): KeptRate[] {
  return points.flatMap(({ falseMatchRate, threshold }) =>
    table.groups
      .map((group) => ({ falseMatchRate, threshold, group, matches: table.falseMatches(threshold, group) }))
      .filter(({ matches }) => matches.count > 0),
  );
}
