import { describe, expect, it } from 'vitest';
import { Random } from '../../src/data/random.js';
import type { FaceSample } from '../../src/data/samples.js';
import { fitOperatingPoints } from '../../src/evaluate/calibrate.js';
import { ALIKE, ALL_STRANGERS, keptRates, PairTable, peersOf, strictestTable } from '../../src/evaluate/strangers.js';
import { errorRates } from '../../src/evaluate/verification.js';

const face = (identity: string | undefined, labels: Partial<FaceSample> = {}): FaceSample => ({
  key: '',
  file: '',
  points: null,
  ...(identity === undefined ? {} : { identity }),
  ...labels,
});
const WOMAN = { gender: 'female', age: 30 } as const;
const MAN = { gender: 'male', age: 30 } as const;

/** Directions of the circle, by their angle in radians. */
const circle = (...angles: number[]) =>
  Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));

/** A crowd of 400 people seen twice; women resemble each other more than men do. */
function crowd() {
  const random = new Random(3);
  const dims = 16;
  const samples: FaceSample[] = [];
  const rows: number[] = [];
  for (let person = 0; person < 400; person++) {
    const labels = person % 2 ? MAN : WOMAN;
    const centre = Array.from({ length: dims }, (_, d) => random.normal() + (d === 0 && labels === WOMAN ? 2.5 : 0));
    for (let picture = 0; picture < 2; picture++) {
      const vector = centre.map((v) => v + 0.3 * random.normal());
      const length = Math.hypot(...vector);
      rows.push(...vector.map((v) => v / length));
      samples.push(face(`${person}`, labels));
    }
  }
  return { samples, dims, embeddings: Float32Array.from(rows) };
}

describe('peersOf', () => {
  it('joins age band and sex, by labels or by attributes, and knows nobody by half of them', () => {
    const attributes = (male: boolean, young: boolean) =>
      Array.from({ length: 40 }, (_, i) => ((i === 20 && male) || (i === 39 && young) ? '1' : '0')).join('');
    expect(peersOf(face('a', WOMAN))).toBe('20-39 female');
    expect(peersOf(face('a', { attributes: attributes(true, false) }))).toBe('older male');
    expect(peersOf(face('a', { attributes: attributes(false, true) }))).toBe('young female');
    expect(peersOf(face('a', { gender: 'male' }))).toBeUndefined();
    expect(peersOf(face('a', { age: 20 }))).toBeUndefined();
  });
});

describe('PairTable', () => {
  const samples = [
    face('ann', WOMAN),
    face('bob', MAN),
    face('ann', WOMAN),
    face(undefined, WOMAN),
    face('eve', WOMAN),
  ];
  const table = new PairTable(circle(0, 1, 0.5, 0, 0.25), 2, samples);
  const cosines = (...angles: number[]) => angles.map((angle) => expect.closeTo(Math.cos(angle), 6));

  it('sorts pairs into those of one person, of strangers, and of strangers alike', () => {
    expect([...table.genuine]).toEqual(cosines(0.5));
    expect([...table.strangers(ALL_STRANGERS)]).toEqual(cosines(1, 0.75, 0.5, 0.25, 0.25));
    expect([...table.strangers(ALIKE)]).toEqual(cosines(0.25, 0.25));
    expect(table.groups).toEqual([ALL_STRANGERS, ALIKE, '20-39 female', '20-39 male']);
    expect([...table.strangers('20-39 male')]).toEqual([]);
  });

  it('counts false matches and misses at a threshold', () => {
    expect(table.falseMatches(0.9, ALL_STRANGERS)).toMatchObject({ value: 0.4, count: 5 });
    expect(table.falseMatches(0.9, ALIKE)).toMatchObject({ value: 1, count: 2 });
    expect(table.misses(0.9)).toMatchObject({ value: 1, count: 1 });
    expect(table.misses(0.8)).toMatchObject({ value: 0, count: 1 });
  });

  it('has no bands where nothing is known of the faces', () => {
    expect(new PairTable(circle(0, 1), 2, [face('ann'), face('bob')]).groups).toEqual([ALL_STRANGERS]);
  });
});

describe('the strictest thresholds', () => {
  const { samples, dims, embeddings } = crowd();
  const table = new PairTable(embeddings, dims, samples);
  const targets = [0.1, 0.01, 0.001];
  const strictest = strictestTable(table, targets);

  it('hold their rate among all, among those alike, and in every band', () => {
    expect(strictest.map(({ target }) => target)).toEqual(targets);
    for (const { target, threshold } of strictest) {
      for (const group of table.groups) {
        expect(table.falseMatches(threshold, group).value, `${group} at ${target}`).toBeLessThanOrEqual(target);
      }
    }
  });

  it('are decided by those who resemble each other most, whose rate the threshold of all would break', () => {
    for (const { group, falseMatchRate, target } of strictest) {
      expect(group).toBe('20-39 female');
      expect(falseMatchRate).toBeGreaterThan(0.8 * target);
    }
    const all = table.strangers(ALL_STRANGERS);
    const lenient = all[Math.floor(0.99 * all.length)] ?? 0;
    expect(table.falseMatches(lenient, '20-39 female').value).toBeGreaterThan(0.02);
  });

  it('rise with the strictness, and say how many of one person they miss', () => {
    for (const [i, { threshold, falseNonMatchRate, misses, matches }] of strictest.entries()) {
      expect(threshold).toBeGreaterThanOrEqual(strictest[i - 1]?.threshold ?? -1);
      expect(falseNonMatchRate).toBe(errorRates(table.genuine, table.strangers(ALIKE), threshold).falseNonMatchRate);
      expect(misses.low).toBeLessThanOrEqual(falseNonMatchRate);
      expect(matches.low).toBeLessThan(matches.value);
      expect(matches.high).toBeGreaterThan(matches.value);
    }
  });

  it('leave out a rate that strangers alike are too few for, though all together are enough', () => {
    const few = samples.map((sample, i) => (i < 80 ? sample : face(sample.identity)));
    const some = strictestTable(new PairTable(embeddings, dims, few), targets);
    // 40 people seen twice, half of them women: 1,520 pairs of strangers alike, and 319,200 of all.
    expect(some.map(({ target }) => target)).toEqual([0.1, 0.01]);
  });

  it('become the table of a manifest, ascending, with intervals', () => {
    const predictions = {
      samples,
      dims,
      embeddings,
      analyses: [],
      logits: new Map(),
      mirrored: undefined,
      skipped: [],
    };
    const points = fitOperatingPoints(predictions);
    expect(points.map(({ falseMatchRate }) => falseMatchRate)).toEqual([1e-4, 0.001, 0.01, 0.1]);
    const [, point] = points;
    expect(point?.measured?.strangers).toBe('20-39 female');
    expect(point?.measured?.pairs).toBe(table.strangers('20-39 female').length);
    expect(fitOperatingPoints({ ...predictions, dims: 0 })).toEqual([]);
  });

  it('are judged on other faces, group by group', () => {
    const kept = keptRates(table, [{ falseMatchRate: 0.01, threshold: 0.5 }]);
    expect(kept.map(({ group }) => group)).toEqual(table.groups);
    for (const { group, matches } of kept) {
      const { falseMatchRate } = errorRates(table.genuine, table.strangers(group), 0.5);
      expect(matches.value).toBeCloseTo(falseMatchRate, 12);
    }
  });

  it('are none where nobody is there twice; what is promised is judged all the same', () => {
    const strangers = new PairTable(circle(0, 1, 2), 2, [face('a'), face('b'), face('c')]);
    expect(strictestTable(strangers, targets)).toEqual([]);
    expect(keptRates(strangers, [{ falseMatchRate: 0.01, threshold: 0.5 }])[0]?.matches.value).toBeCloseTo(2 / 3, 12);
  });
});
