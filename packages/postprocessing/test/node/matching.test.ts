import { InvalidInputError, type OperatingPoint } from '@swinface/core';
import { compare, cosineSimilarity, match, operatingPoint, verify } from '@swinface/postprocessing';
import { describe, expect, it } from 'vitest';

const table: readonly OperatingPoint[] = [
  { falseMatchRate: 1e-4, threshold: 0.6, falseNonMatchRate: 0.2 },
  { falseMatchRate: 2e-3, threshold: 0.5, falseNonMatchRate: 0.1 },
  { falseMatchRate: 1e-1, threshold: 0.2, falseNonMatchRate: 0.01 },
];
const face = (values: readonly number[], model = 'm') => ({ embedding: Float32Array.from(values), model });

describe('cosineSimilarity', () => {
  it('is worked out by hand', () => {
    expect(cosineSimilarity([3, 4], [4, 3])).toBeCloseTo(0.96, 6); // 24 / 25
    expect(cosineSimilarity([1, 0], [0, 5])).toBe(0);
    expect(cosineSimilarity([1, 2, 3], [-1, -2, -3])).toBeCloseTo(-1, 6);
  });

  it('stays within -1..1 and survives extreme magnitudes', () => {
    const wide = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i + 1));
    expect(cosineSimilarity(wide, wide)).toBeLessThanOrEqual(1);
    expect(cosineSimilarity([1e-200, 1e-200], [1e200, 1e200])).toBeCloseTo(1, 6);
  });

  it.each([
    ['of different lengths', [1], [1, 2]],
    ['empty', [], []],
    ['zero', [0, 0], [1, 2]],
    ['not finite', [1, Number.NaN], [1, 2]],
  ])('refuses vectors that are %s', (_, a, b) => {
    expect(() => cosineSimilarity(a, b)).toThrow(InvalidInputError);
  });
});

describe('operatingPoint', () => {
  it('is the measured one nearest to a thousandth unless told', () => {
    expect(operatingPoint(table)?.threshold).toBe(0.5);
    expect(operatingPoint([])).toBeUndefined();
  });

  it('is the one asked for, or an error that names those that were measured', () => {
    for (const { falseMatchRate, threshold } of table) {
      expect(operatingPoint(table, { falseMatchRate })?.threshold).toBe(threshold);
    }
    for (const falseMatchRate of [1e-3, 1e-5, 1, 0, -1, 2, Number.NaN]) {
      expect(() => operatingPoint(table, { falseMatchRate })).toThrow(InvalidInputError);
      expect(() => operatingPoint(table, { falseMatchRate })).toThrow(/one of 0.0001, 0.002, 0.1/);
    }
    expect(() => operatingPoint([], { falseMatchRate: 0.5 })).toThrow(/measured verification table/);
  });
});

describe('compare', () => {
  const a = face([1, 0]);
  const sixty = face([0.5, Math.sqrt(0.75)]); // 60 degrees: cosine 0.5

  it('decides by the table, and says by which of its lines', () => {
    expect(compare(a, sixty, table, { falseMatchRate: 0.1 })).toMatchObject({
      same: true,
      falseMatchRate: 0.1,
      threshold: 0.2,
    });
    expect(compare(a, sixty, table, { falseMatchRate: 1e-4 })).toMatchObject({ same: false, threshold: 0.6 });
    expect(compare(a, sixty, table).similarity).toBeCloseTo(0.5, 6);
  });

  it('makes no decision up where nothing was measured', () => {
    expect(Object.keys(compare(a, sixty, []))).toEqual(['similarity']);
    expect(() => compare(a, sixty, [], { falseMatchRate: 1e-3 })).toThrow(InvalidInputError);
  });

  it('refuses faces of different models and faces without embedding', () => {
    expect(() => compare(a, face([1, 0], 'other'), table)).toThrow(/different models/);
    expect(() => compare(a, { model: 'm' }, table)).toThrow(/no embedding/);
  });
});

describe('verify', () => {
  const a = face([1, 0]);
  const sixty = face([0.5, Math.sqrt(0.75)]);

  it('decides, and says how often it is wrong either way', () => {
    expect(verify(a, sixty, table, { falseMatchRate: 0.1 })).toEqual({
      similarity: expect.closeTo(0.5, 6),
      same: true,
      threshold: 0.2,
      falseMatchRate: 0.1,
      falseNonMatchRate: 0.01,
    });
    expect(verify(a, sixty, table, { falseMatchRate: 1e-4 }).same).toBe(false);
    expect(verify(a, a, table)).toMatchObject({ same: true, falseMatchRate: 2e-3 });
  });

  it('does not decide without measurements', () => {
    expect(() => verify(a, sixty, [])).toThrow(/cannot decide/);
    expect(() => verify(a, sixty, table, { falseMatchRate: 0.05 })).toThrow(/No threshold was measured/);
    expect(() => verify(a, face([1, 0], 'other'), table)).toThrow(/different models/);
    expect(() => verify(a, { model: 'm' }, table)).toThrow(/no embedding/);
  });
});

describe('match', () => {
  it('ranks all candidates', () => {
    const ranked = match(face([1, 0]), [face([0, 1]), face([1, 0.1]), face([1, 1])], table);
    expect(ranked.map(({ index }) => index)).toEqual([1, 2, 0]);
    expect(ranked.map(({ same }) => same)).toEqual([true, true, false]);
    expect(match(face([1, 0]), [], table)).toEqual([]);
  });

  it('skips no candidate silently', () => {
    expect(() => match(face([1, 0]), [face([1, 0]), { model: 'm' }], table)).toThrow(/no embedding/);
  });
});
