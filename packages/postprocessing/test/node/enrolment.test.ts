import { InvalidInputError } from '@swinface/core';
import { cosineSimilarity, enrol, Gallery, type Shot, verify } from '@swinface/postprocessing';
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

  it('verifies the same people more often than single shots do', () => {
    const { shot } = people(40, 2);
    const accepted = { single: 0, several: 0 };
    for (let person = 0; person < 40; person++) {
      const [probe, first] = [shot(person), shot(person)];
      const template = enrol([first, ...Array.from({ length: 4 }, () => shot(person))], { verification: TABLE });
      if (verify(first, probe, TABLE, { falseMatchRate: 1e-3 }).same) accepted.single++;
      if (verify(template, probe, TABLE, { falseMatchRate: 1e-3 }).same) accepted.several++;
    }
    // Cosines of 0.7 and about 0.8 against a threshold of 0.77.
    expect(accepted.several).toBeGreaterThan(accepted.single + 10);
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
    const { embedding } = enrol(shots);
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
  });
});
