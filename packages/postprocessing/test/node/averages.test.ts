import { InvalidInputError, PRESETS } from '@swinface/core';
import {
  cosineSimilarity,
  EXPRESSIONS,
  type Expression,
  type ExpressionResult,
  type GenderResult,
  type Sighting,
} from '@swinface/postprocessing';
import { TrackAverages } from '@swinface/postprocessing/stream';
import { describe, expect, it } from 'vitest';
import { Random } from '../support/random.js';

const manifest = {
  config: {
    ...PRESETS['swinface-nano'],
    extraTasks: [
      { subnet: 'Whole', task: { name: 'Mood', kind: 'softmax', logits: 3, labels: ['low', 'mid', 'high'] } },
    ],
  },
  calibration: { temperatures: {}, thresholds: { Gender: 0.5, Eyeglasses: 0.3 }, ageIntervals: [], verification: [] },
} as const;

const gender = (male: number): GenderResult => ({
  label: male >= 0.5 ? 'male' : 'female',
  probabilities: { female: 1 - male, male },
});
const expression = (parts: Partial<Record<Expression, number>>): ExpressionResult => {
  const named = Object.fromEntries(EXPRESSIONS.map((name) => [name, parts[name] ?? 0])) as Record<Expression, number>;
  const best = EXPRESSIONS.reduce((a, b) => (named[b] > named[a] ? b : a));
  return { label: best, ...named };
};
const quality = (score: number) => ({ quality: { score } });

/** Results after each of these sightings, 15 a second. */
function follow(sightings: readonly Sighting[], rate = 15) {
  const averages = new TrackAverages(manifest);
  return sightings.map((sighting, i) => averages.update(1, sighting, i / rate));
}

const changes = (labels: readonly unknown[]) => labels.filter((label, i) => i > 0 && label !== labels[i - 1]).length;
const deviation = (values: readonly number[], truth: number) =>
  Math.sqrt(values.reduce((sum, value) => sum + (value - truth) ** 2, 0) / values.length);

describe('TrackAverages', () => {
  it('gives a first sighting as it is', () => {
    const first: Sighting = {
      embedding: Float32Array.of(0.6, 0.8),
      age: { years: 30, low: 24, high: 36 },
      gender: gender(0.7),
      expression: expression({ happiness: 1 }),
      attributes: { Eyeglasses: true },
      attributeProbabilities: { Eyeglasses: 0.4 },
      extra: { Mood: { kind: 'softmax', label: 'mid', probabilities: [0.2, 0.5, 0.3] } },
      ...quality(0.5),
    };
    const { quality: _, ...analysis } = first;
    const [result] = follow([first]);
    expect(result).toMatchObject({ ...analysis, gender: { label: 'male' }, embedding: expect.anything() });
    expect([...(result?.embedding ?? [])]).toEqual([expect.closeTo(0.6, 6), expect.closeTo(0.8, 6)]);
    expect(result?.bestShot).toEqual({ embedding: first.embedding, quality: 0.5, time: 0 });
  });

  it('is the weighted mean, what is old fading with e per five seconds', () => {
    const averages = new TrackAverages(manifest);
    averages.update(1, { age: { years: 20 }, ...quality(0.9) }, 0);
    const { age } = averages.update(1, { age: { years: 50 }, ...quality(0.3) }, 5);
    const old = 0.9 * Math.exp(-1);
    expect(age?.years).toBeCloseTo((20 * old + 50 * 0.3) / (old + 0.3), 9);
    expect(age).not.toHaveProperty('low');
  });

  it('keeps the width of an age interval', () => {
    const random = new Random(1);
    const results = follow(
      Array.from({ length: 100 }, () => {
        const years = 30 + 5 * random.normal();
        return { age: { years, low: years - 8, high: years + 8 } };
      }),
    );
    const { years, low = 0, high = 0 } = results.at(-1)?.age ?? { years: 0 };
    expect(high - years).toBeCloseTo(8, 9);
    expect(years - low).toBeCloseTo(8, 9);
    expect(follow([{ age: { years: 2, low: 0, high: 6 } }])[0]?.age).toEqual({ years: 2, low: 0, high: 6 });
  });

  it('lets good frames outweigh bad ones', () => {
    const random = new Random(2);
    const sightings = Array.from({ length: 300 }, (_, i): Sighting => {
      const good = i % 4 === 0;
      return { age: { years: 40 + (good ? 2 : 20) * random.normal() }, ...quality(good ? 0.9 : 0.05) };
    });
    const error = (weighted: boolean) =>
      deviation(
        follow(weighted ? sightings : sightings.map(({ age }) => ({ ...(age && { age }) })))
          .slice(75)
          .map(({ age }) => age?.years ?? Number.NaN),
        40,
      );
    expect(error(true)).toBeLessThan(0.5 * error(false));
    expect(error(false)).toBeLessThan(0.5 * 17.4); // 17.4: of single frames, sqrt((2^2 + 3 * 20^2) / 4)
  });

  it('brings the embedding nearer to the truth than any frame', () => {
    const random = new Random(3);
    const truth = random.direction(64);
    const frames = Array.from({ length: 60 }, () => {
      const noise = random.direction(64);
      return Float32Array.from(truth, (value, i) => value + (noise[i] ?? 0));
    });
    const average = follow(frames.map((embedding) => ({ embedding }))).at(-1)?.embedding ?? [];
    const best = Math.max(...frames.map((embedding) => cosineSimilarity(embedding, truth)));
    expect(cosineSimilarity(average, truth)).toBeGreaterThan(0.97);
    expect(cosineSimilarity(average, truth)).toBeGreaterThan(best);
    expect(Math.hypot(...average)).toBeCloseTo(1, 6);
    // Unit vectors with cosines of 1/2 between them: |mean|^2 = 1/2 + 1/2 / 60 for equal weights, a little more for others.
    const unit = frames.map((frame) => frame.map((value) => value / Math.hypot(...frame)));
    const { agreement = 0 } = follow(unit.map((embedding) => ({ embedding }))).at(-1) ?? {};
    expect(agreement).toBeCloseTo(Math.sqrt(0.5 + 0.5 / 60), 1);
    expect(follow([{ embedding: Float32Array.of(1, 0) }])[0]?.agreement).toBe(1);
  });

  it('remembers the best shot', () => {
    const shots = [0.2, 0.8, 0.5, 0.8].map(
      (score, i): Sighting => ({ embedding: Float32Array.of(1, i), ...quality(score) }),
    );
    const results = follow(shots, 1);
    expect(results.map(({ bestShot }) => bestShot?.time)).toEqual([0, 1, 1, 1]);
    expect(results.at(-1)?.bestShot).toEqual({ embedding: Float32Array.of(1, 1), quality: 0.8, time: 1 });
  });

  it('does not flicker at a threshold, and changes on clear evidence', () => {
    const random = new Random(4);
    const trembling = Array.from({ length: 300 }, () => 0.5 + 0.15 * random.normal()).map((male) =>
      Math.min(1, Math.max(0, male)),
    );
    const labels = (values: readonly number[]) =>
      follow(values.map((male) => ({ gender: gender(male) }))).map((r) => r.gender?.label);
    expect(changes(trembling.map((male) => male >= 0.5))).toBeGreaterThan(100);
    expect(changes(labels(trembling))).toBeLessThanOrEqual(1);
    const turned = labels([...Array(30).fill(0.1), ...Array(300).fill(0.9)]);
    expect(changes(turned)).toBe(1);
    expect(turned.at(-1)).toBe('male');
  });

  it('answers by the calibrated threshold of each attribute, steadily', () => {
    const answers = (values: readonly number[]) =>
      follow(values.map((Eyeglasses) => ({ attributeProbabilities: { Eyeglasses } }))).map(
        (r) => r.attributes.Eyeglasses,
      );
    expect(answers([0.31])).toEqual([true]);
    expect(answers([0.29])).toEqual([false]);
    // 0.3 -+ 0.06 is not enough to change the mind.
    expect(answers([0.31, ...Array(200).fill(0.25)]).at(-1)).toBe(true);
    expect(answers([0.29, ...Array(200).fill(0.35)]).at(-1)).toBe(false);
    expect(answers([0.31, ...Array(200).fill(0.2)]).at(-1)).toBe(false);
    expect(answers([0.29, ...Array(200).fill(0.4)]).at(-1)).toBe(true);
  });

  it('follows a smile within half a second, and no flicker of it', () => {
    const smile = {
      expression: expression({ happiness: 0.8, neutral: 0.2 }),
      attributeProbabilities: { Smiling: 0.9 },
    };
    const calm = { expression: expression({ happiness: 0.2, neutral: 0.8 }), attributeProbabilities: { Smiling: 0.1 } };
    const results = follow([...Array(30).fill(calm), ...Array(8).fill(smile)]);
    expect(results.at(-1)).toMatchObject({ expression: { label: 'happiness' }, attributes: { Smiling: true } });
    const total = EXPRESSIONS.reduce((sum, name) => sum + (results.at(-1)?.expression?.[name] ?? Number.NaN), 0);
    expect(total).toBeCloseTo(1, 9);
    const flicker = follow(Array.from({ length: 60 }, (_, i) => (i % 2 ? smile : calm)));
    expect(changes(flicker.slice(10).map((r) => r.expression?.label))).toBe(0);
  });

  it('averages further heads by their kind', () => {
    const results = follow(
      [0, 1].map((i) => ({
        extra: {
          Mood: { kind: 'softmax', label: i ? 'high' : 'low', probabilities: i ? [0.4, 0.1, 0.5] : [0.6, 0.1, 0.3] },
          gaze: { kind: 'regression', values: [i, 2 * i] },
          units: { kind: 'sigmoid', probabilities: [0.45 + 0.1 * i, 0.1], decisions: [false, false] },
          rank: { kind: 'ordinal', rank: 0, expected: 0.5 + i, probabilities: [0.5 + i / 2, i / 2] },
        },
      })),
      1e9,
    );
    expect(results[1]?.extra).toEqual({
      // The lead of "low" went from 0.3 to 0.1, "high" does not lead.
      Mood: { kind: 'softmax', label: 'low', probabilities: [0.5, 0.1, 0.4].map((p) => expect.closeTo(p, 6)) },
      gaze: { kind: 'regression', values: [expect.closeTo(0.5, 6), expect.closeTo(1, 6)] },
      units: {
        kind: 'sigmoid',
        probabilities: [expect.closeTo(0.5, 6), expect.closeTo(0.1, 6)],
        decisions: [false, false],
      },
      rank: {
        kind: 'ordinal',
        rank: 1,
        expected: expect.closeTo(1, 6),
        probabilities: [0.75, 0.25].map((p) => expect.closeTo(p, 6)),
      },
    });
  });

  it('keeps what a sighting leaves out, and results survive structuredClone', () => {
    const averages = new TrackAverages(manifest);
    averages.update(1, { age: { years: 33 }, attributeProbabilities: { Bald: 0.9 } }, 0);
    const result = averages.update(1, { gender: gender(0.2) }, 1);
    expect(result).toMatchObject({ age: { years: 33 }, gender: { label: 'female' }, attributes: { Bald: true } });
    expect(structuredClone(result)).toEqual(result);
    expect(averages.get(1)).toEqual(result);
  });

  it('keeps tracks apart and forgets them', () => {
    const averages = new TrackAverages(manifest);
    averages.update(1, { age: { years: 10 } }, 0);
    expect(averages.update(2, { age: { years: 70 } }, 0).age?.years).toBe(70);
    averages.forget([1, 99]);
    expect(averages.get(1)).toBeUndefined();
    expect(averages.get(2)?.age?.years).toBe(70);
    expect(averages.update(1, { age: { years: 50 } }, 0).age?.years).toBe(50);
  });

  it('makes the best of frames without any quality', () => {
    const results = follow(
      [quality(0), quality(0), quality(0.5)].map((q, i) => ({ age: { years: 20 + 10 * i }, ...q })),
      1e9,
    );
    expect(results.map(({ age }) => age?.years)).toEqual([20, expect.closeTo(25, 6), expect.closeTo(40, 0)]);
  });

  it('refuses times that run backwards and qualities beyond 0..1', () => {
    const averages = new TrackAverages(manifest);
    averages.update(1, {}, 2);
    expect(() => averages.update(1, {}, 1)).toThrow(InvalidInputError);
    expect(() => averages.update(1, {}, Number.NaN)).toThrow(InvalidInputError);
    expect(() => averages.update(1, quality(1.1), 3)).toThrow(InvalidInputError);
    expect(() => averages.update(3, quality(Number.NaN), 3)).toThrow(InvalidInputError);
    expect(averages.get(3)).toBeUndefined();
  });
});
