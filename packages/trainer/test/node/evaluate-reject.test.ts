import { expect, it } from 'vitest';
import type { Predictions } from '../../src/evaluate/predict.js';
import { rejectCurve } from '../../src/evaluate/reject.js';

/** Two pictures of each of 100 people; those of the first ten do not match and are the least recognisable. */
function predictions(scored: boolean): Predictions {
  const faces = Array.from({ length: 200 }, (_, i) => ({ person: i >> 1, poor: i < 20, second: i % 2 === 1 }));
  return {
    samples: faces.map(({ person }) => ({ key: '', file: '', points: null, identity: `${person}` })),
    analyses: faces.map(({ poor }, i) => ({
      ...(scored && { recognisability: (poor ? 0 : 0.5) + i / 1000 }),
      attributes: {},
      attributeProbabilities: {},
      extra: {},
    })),
    logits: new Map(),
    dims: 2,
    embeddings: Float32Array.from(faces.flatMap(({ poor, second }) => (poor && second ? [0, 1] : [1, 0]))),
    mirrored: undefined,
    skipped: [],
  };
}

it('falls as the poor faces go, and counts the pairs that remain', () => {
  const curve = rejectCurve(predictions(true), { threshold: 0.5 });
  const at = (share: number) => curve.find(({ rejected }) => rejected === share)?.misses;
  expect(at(0)).toMatchObject({ value: 0.1, count: 100 });
  // Ten faces are five pairs, all of them missed.
  expect(at(0.05)?.value).toBeCloseTo(5 / 95, 12);
  expect(at(0.1)).toMatchObject({ value: 0, count: 90 });
  expect(at(0.5)).toMatchObject({ value: 0, count: 50 });
});

it('is empty where nothing says how recognisable faces are, or nobody is there twice', () => {
  expect(rejectCurve(predictions(false), { threshold: 0.5 })).toEqual([]);
  const { samples, ...others } = predictions(true);
  const alone = { ...others, samples: samples.map((sample, i) => ({ ...sample, identity: `${i}` })) };
  expect(rejectCurve(alone, { threshold: 0.5 })).toEqual([]);
});
