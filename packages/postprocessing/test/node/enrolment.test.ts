import { InvalidInputError, type OperatingPoint } from '@swinface/core';
import { cosineSimilarity, enrol, Gallery, matchThreshold, type Shot, verify } from '@swinface/postprocessing';
import { describe, expect, it } from 'vitest';
import { Random } from '../support/random.js';
import { TABLE } from '../support/scenes.js';

const DIMENSIONS = 64;

/** People whose shots have a cosine of about 0.7 with each other and 0 with others. */
function people(count: number, seed = 1) {
  const random = new Random(seed);
  const faces = Array.from({ length: count }, () => random.direction(DIMENSIONS));
  const shot = (person: number, score?: number): Shot => {
    const noise = random.direction(DIMENSIONS);
    const values = (faces[person] ?? []).map((value, i) => Math.sqrt(0.7) * value + Math.sqrt(0.3) * (noise[i] ?? 0));
    return {
      model: 'm',
      embedding: Float32Array.from(values),
      ...(score !== undefined && { quality: { score } }),
    };
  };
  return { faces, shot };
}

describe('enrol', () => {
  it('leaves out what is not recognisable, whatever else is good about it', () => {
    const { shot } = people(1);
    const poor = { ...shot(0, 1), recognisability: 0.49 };
    const { used, rejected } = enrol([shot(0), poor, shot(0)], { verification: TABLE, minQuality: 0 });
    expect([used, rejected]).toEqual([[0, 2], [{ index: 1, reason: 'quality' }]]);
    expect(() => enrol([poor])).toThrow(/No shot is good enough/);
  });

  it('is nearer to the person than any shot', () => {
    const { faces, shot } = people(1);
    const shots = Array.from({ length: 6 }, () => shot(0));
    const { embedding, used, rejected, model } = enrol(shots, { verification: TABLE });
    expect([used, rejected, model]).toEqual([[0, 1, 2, 3, 4, 5], [], 'm']);
    const truth = faces[0] ?? [];
    const best = Math.max(...shots.map((one) => cosineSimilarity(one.embedding ?? [], truth)));
    expect(cosineSimilarity(embedding, truth)).toBeGreaterThan(Math.max(best, 0.93));
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 6);
  });

  it('keeps the false match rate of single shots, and accepts more of the right people', () => {
    // Embeddings with something in common, as those of small models have: strangers are at 0.2 on average.
    const random = new Random(2);
    const common = random.direction(DIMENSIONS);
    const shotOf = (face: readonly number[]): Shot => {
      const noise = random.direction(DIMENSIONS);
      const mix = face.map((value, i) => Math.sqrt(0.4) * value + Math.sqrt(0.4) * (noise[i] ?? 0));
      return { model: 'm', embedding: Float32Array.from(mix, (value, i) => value + Math.sqrt(0.2) * (common[i] ?? 0)) };
    };
    const everyone = Array.from({ length: 160 }, () => {
      const face = random.direction(DIMENSIONS);
      return { probe: shotOf(face), shots: Array.from({ length: 5 }, () => shotOf(face)) };
    });
    /** Share of pairs that are accepted, of one person and of two. */
    const rates = (accept: (shots: readonly Shot[], probe: Shot) => boolean) => {
      const count = { same: 0, other: 0 };
      everyone.forEach(({ shots }, i) => {
        everyone.forEach(({ probe }, j) => {
          if (accept(shots, probe)) count[i === j ? 'same' : 'other']++;
        });
      });
      return { same: count.same / 160, other: count.other / (160 * 159) };
    };
    const cosines = everyone.flatMap(({ shots: [shot] }, i) =>
      everyone.flatMap(({ probe }, j) =>
        i === j ? [] : [cosineSimilarity(shot?.embedding ?? [], probe.embedding ?? [])],
      ),
    );
    const ranked = cosines.sort((a, b) => b - a);
    const table = [1e-3, 1e-2, 1e-1].map((falseMatchRate): OperatingPoint => {
      const threshold = ranked[Math.round(falseMatchRate * ranked.length)] ?? Number.NaN;
      return { falseMatchRate, threshold, falseNonMatchRate: 0 };
    });

    const enrolled = new Map(everyone.map(({ shots }) => [shots as readonly Shot[], enrol(shots)]));
    const average = (shots: readonly Shot[]) => enrolled.get(shots) ?? enrol(shots);
    for (const { falseMatchRate, threshold } of table) {
      const single = rates(
        ([shot], probe) => verify(shot ?? probe, probe, table, { falseMatchRate }).verdict === 'same',
      );
      const several = rates(
        (shots, probe) => verify(average(shots), probe, table, { falseMatchRate }).verdict === 'same',
      );
      const unadjusted = rates(
        (shots, probe) => cosineSimilarity(average(shots).embedding, probe.embedding ?? []) >= threshold,
      );
      // 25,440 pairs: at 1e-3 the count of 25 is good to a fifth; averaging sharpens the rest of the spread a little.
      expect(several.other).toBeLessThan(1.3 * falseMatchRate);
      expect(several.other).toBeGreaterThan(0.3 * falseMatchRate);
      expect(unadjusted.other).toBeGreaterThan(1.5 * falseMatchRate);
      expect(several.same).toBeGreaterThanOrEqual(single.same);
      if (falseMatchRate === 1e-3) expect(several.same).toBeGreaterThan(single.same + 0.1);
    }
  });

  it('moves the threshold up by what averaging adds to the cosines of strangers', () => {
    // The normal distribution with mean 0.1 and deviation 0.2: 2.3263 and 1.2816 deviations up.
    const table: readonly OperatingPoint[] = [
      { falseMatchRate: 1e-2, threshold: 0.1 + 0.2 * 2.3263, falseNonMatchRate: 0 },
      { falseMatchRate: 1e-1, threshold: 0.1 + 0.2 * 1.2816, falseNonMatchRate: 0 },
    ];
    const [strict] = table as [OperatingPoint];
    const moved = (agreements: readonly number[], points = table) =>
      matchThreshold(strict, points, agreements) - strict.threshold;
    expect(moved([1, 1])).toBe(0);
    expect(moved([0.8, 1])).toBeCloseTo(0.1 * 0.25, 4);
    expect(moved([0.8, 0.5])).toBeCloseTo(0.1 * 1.5, 3);
    // With one measured point nothing is known about strangers' mean: the mean of the single cosines decides.
    expect(moved([0.8, 1], [strict])).toBeCloseTo(0.25 * strict.threshold, 9);
    // Never below the threshold of single pictures, even where strangers point away from each other.
    const negative = table.map((point) => ({ ...point, threshold: point.threshold - 0.3 }));
    expect(matchThreshold(negative[0] ?? strict, negative, [0.8, 1])).toBe(negative[0]?.threshold);
  });

  it('leaves out poor shots and strangers, and says which', () => {
    const { shot } = people(2, 3);
    const shots = [shot(0, 0.9), shot(1, 0.8), shot(0, 0.1), shot(0, 0.7), shot(0, 0.6)];
    expect(enrol(shots, { verification: TABLE })).toMatchObject({
      used: [0, 3, 4],
      rejected: [
        { index: 1, reason: 'outlier' },
        { index: 2, reason: 'quality' },
      ],
    });
    expect(enrol(shots, { verification: TABLE, minQuality: 0.05 }).used).toEqual([0, 2, 3, 4]);
    expect(enrol(shots).used, 'without a table no shot is a stranger').toEqual([0, 1, 3, 4]);
  });

  it('finds the stranger wherever it is', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { shot } = people(2, seed);
      const shots = Array.from({ length: 5 }, (_, i) => shot(i === seed % 5 ? 1 : 0));
      expect(enrol(shots, { verification: TABLE }).rejected).toEqual([{ index: seed % 5, reason: 'outlier' }]);
    }
  });

  it('weighs shots by their quality', () => {
    const shots: Shot[] = [
      { model: 'm', embedding: Float32Array.of(1, 0), quality: { score: 0.9 } },
      { model: 'm', embedding: Float32Array.of(0, 2), quality: { score: 0.3 } },
    ];
    // 0.9 and 0.3 at length 1, whatever the lengths were.
    const { embedding, agreement } = enrol(shots);
    expect(agreement).toBeCloseTo(Math.hypot(0.75, 0.25), 6);
    expect([...embedding]).toEqual([0.9, 0.3].map((value) => expect.closeTo(value / Math.hypot(0.9, 0.3), 6)));
  });

  it('does not choose between people', () => {
    const { shot } = people(3, 4);
    const mixed = [
      [0, 1],
      [0, 0, 1, 1],
      [0, 1, 2],
    ];
    for (const who of mixed) {
      const shots = who.map((person) => shot(person));
      expect(() => enrol(shots, { verification: TABLE }), who.join()).toThrow(/do not agree on one person/);
    }
  });

  it('is an entry like any other', () => {
    const { shot } = people(2, 5);
    const gallery = new Gallery({ id: 'm', config: { feature: DIMENSIONS }, calibration: { verification: TABLE } });
    gallery.add('ada', enrol([shot(0), shot(0), shot(0)]));
    gallery.add('grace', enrol([shot(1)]));
    expect(gallery.search(shot(1), 1)[0]?.id).toBe('grace');
    expect(gallery.identify(shot(0), { falseMatchRate: 1e-2 })?.id).toBe('ada');
  });

  it('refuses what cannot be enrolled', () => {
    const { shot } = people(1);
    expect(() => enrol([])).toThrow(/no shots/);
    expect(() => enrol([shot(0, 0.2), shot(0, 0.1)])).toThrow(/0.20, 0.10/);
    expect(() => enrol([shot(0), { ...shot(0), model: 'n' }])).toThrow(/different models/);
    expect(() => enrol([shot(0), { model: 'm' }])).toThrow(/no embedding/);
    expect(() => enrol([shot(0), { model: 'm', embedding: Float32Array.of(1) }])).toThrow(InvalidInputError);
    expect(() => enrol([{ model: 'm', embedding: new Float32Array(4) }])).toThrow(/zeros/);
    const probe = shot(0);
    for (const agreement of [0, -1, 1.5, Number.NaN]) {
      expect(() => verify({ ...probe, agreement }, probe, TABLE)).toThrow(/agreement/);
    }
  });
});
