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

describe('a face that is not recognisable', () => {
  const poor = { ...face([1, 0]), recognisability: 0.49 };
  const apart = { ...face([-1, 0]), recognisability: 0.49 };

  it('is unsure, with the reason, however like or unlike', () => {
    const unsure = { verdict: 'unsure', reason: 'unrecognisable' };
    expect(verify(poor, poor, table)).toMatchObject({ similarity: 1, ...unsure });
    expect(verify(face([1, 0]), apart, table)).toMatchObject({ similarity: -1, ...unsure });
    expect(match(face([1, 0]), [apart], table)[0]).toMatchObject(unsure);
    expect(compare(apart, apart, [])).toEqual({ similarity: 1 });
  });

  it('is decided about from one half on, and where nothing is known of it', () => {
    const half = { ...face([1, 0]), recognisability: 0.5 };
    for (const other of [half, face([1, 0])]) {
      const verification = verify(half, other, table);
      expect(verification.verdict).toBe('same');
      expect(verification).not.toHaveProperty('reason');
    }
  });

  it.each([-0.1, 1.1, Number.NaN, '1'])('is refused with a recognisability of %s', (value) => {
    const wrong = { ...face([1, 0]), recognisability: value as number };
    expect(() => verify(wrong, face([1, 0]), table)).toThrow(InvalidInputError);
  });
});

describe('compare', () => {
  const a = face([1, 0]);
  const sixty = face([0.5, Math.sqrt(0.75)]); // 60 degrees: cosine 0.5

  it('decides by the table, and says by which of its lines', () => {
    expect(compare(a, sixty, table, { falseMatchRate: 0.1 })).toMatchObject({
      verdict: 'same',
      falseMatchRate: 0.1,
      threshold: 0.2,
    });
    expect(compare(a, sixty, table, { falseMatchRate: 1e-4 })).toMatchObject({ verdict: 'unsure', threshold: 0.6 });
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

  const at = (cosine: number) => face([cosine, Math.sqrt(1 - cosine * cosine)]);

  it('decides, and says how often it is wrong either way', () => {
    expect(verify(a, sixty, table, { falseMatchRate: 1e-4 })).toEqual({
      similarity: expect.closeTo(0.5, 6),
      verdict: 'unsure',
      threshold: 0.6,
      falseMatchRate: 1e-4,
      differentBelow: 0.2,
      missRate: 0.01,
      falseNonMatchRate: 0.2,
    });
    expect(verify(a, a, table)).toMatchObject({ verdict: 'same', falseMatchRate: 2e-3 });
  });

  it('is unsure from the least strict threshold to the one asked for', () => {
    const strict = { falseMatchRate: 1e-4 };
    const verdicts = [-1, 0.19, 0.21, 0.59, 0.61, 1].map((cosine) => verify(a, at(cosine), table, strict).verdict);
    expect(verdicts).toEqual(['different', 'different', 'unsure', 'unsure', 'same', 'same']);
    // At the least strict rate there is nothing between.
    expect(verify(a, at(0.19), table, { falseMatchRate: 0.1 }).verdict).toBe('different');
    expect(verify(a, at(0.21), table, { falseMatchRate: 0.1 }).verdict).toBe('same');
    // Whatever the order of the table.
    expect(verify(a, at(0.3), [...table].reverse(), strict)).toMatchObject({ verdict: 'unsure', missRate: 0.01 });
  });

  it('moves both limits for averages, which strangers come nearer to', () => {
    // Strangers' cosines are 0.1 on average, and spread by 0.2: normal quantiles of 1 % and 10 %.
    const spread: readonly OperatingPoint[] = [
      { falseMatchRate: 0.01, threshold: 0.1 + 0.2 * 2.3263, falseNonMatchRate: 0.2 },
      { falseMatchRate: 0.1, threshold: 0.1 + 0.2 * 1.2816, falseNonMatchRate: 0.1 },
    ];
    const { threshold, differentBelow } = verify(a, { ...at(0.5), agreement: 0.8 }, spread);
    expect(threshold).toBeCloseTo(0.1 / 0.8 + 0.2 * 2.3263, 3);
    expect(differentBelow).toBeCloseTo(0.1 / 0.8 + 0.2 * 1.2816, 3);
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
    expect(ranked.map(({ verdict }) => verdict)).toEqual(['same', 'same', 'different']);
    expect(match(face([1, 0]), [], table)).toEqual([]);
  });

  it('skips no candidate silently', () => {
    expect(() => match(face([1, 0]), [face([1, 0]), { model: 'm' }], table)).toThrow(/no embedding/);
  });
});

describe('faces that were kept as JSON', () => {
  const live = face([0.6, 0.8]);

  it('are compared like those they were made of', () => {
    const parsed = JSON.parse(JSON.stringify(live)) as typeof live;
    expect(compare(parsed, live, table)).toEqual(compare(live, live, table));
    const listed = JSON.parse(JSON.stringify({ ...live, embedding: Array.from(live.embedding) })) as typeof live;
    expect(compare(live, listed, table)).toEqual(compare(live, live, table));
  });

  it.each([{}, { a: 1 }, 'text', 7, null])('are refused with what to keep where the embedding is %j', (embedding) => {
    const broken = { model: 'm', embedding } as unknown as typeof live;
    expect(() => compare(broken, live, table)).toThrow(InvalidInputError);
    expect(() => compare(broken, live, table)).toThrow(/Array\.from\(face\.embedding\)/);
  });
});
