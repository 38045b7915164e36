import { ATTRIBUTES } from '@swinface/postprocessing';
import { expect, test } from 'vitest';
import { faceLabel, isShown, lines, type ReportedFace, reportedFace, summary } from '../../src/results/report.js';
import { ar } from '../../src/strings/ar.js';
import { en } from '../../src/strings/en.js';
import { type AttributeName, VALUE_LADEN } from '../../src/value-laden.js';

const all = <T>(value: T) => Object.fromEntries(ATTRIBUTES.map((name) => [name, value])) as Record<AttributeName, T>;

const face: ReportedFace = {
  box: { x: 0, y: 0, width: 10, height: 10 },
  points: [
    [1, 1],
    [2, 1],
    [1.5, 2],
    [1, 3],
    [2, 3],
  ],
  pose: { yaw: 0, pitch: 0, roll: 0 },
  quality: { score: 1, size: 1, pose: 1, hints: [] },
  model: 'test',
  embedding: new Float32Array(4),
  age: { years: 33.6, low: 26.2, high: 40.9 },
  gender: { label: 'female', probabilities: { female: 0.7, male: 0.3 } },
  expression: {
    label: 'happiness',
    happiness: 0.874,
    surprise: 0,
    fear: 0,
    disgust: 0,
    sadness: 0,
    anger: 0,
    neutral: 0.126,
  },
  attributes: all(true),
  attributeProbabilities: all(0.9),
  extra: { Blink: { kind: 'regression', values: [1] } },
};

test('identity and every value-laden attribute stay away unless named', () => {
  const plain = reportedFace(face, undefined);
  expect('embedding' in plain).toBe(false);
  for (const name of ATTRIBUTES) {
    const shown = !VALUE_LADEN.has(name);
    expect(name in plain.attributes, name).toBe(shown);
    expect(name in plain.attributeProbabilities, name).toBe(shown);
  }
  for (const name of ['Attractive', 'Chubby', 'Big Nose', 'Pale Skin', 'Double Chin'] as const) {
    expect(VALUE_LADEN.has(name)).toBe(true);
  }
  expect(plain.age).toEqual(face.age);
});

test('what is named is all there is', () => {
  const asked = reportedFace(face, ['Recognition', 'Chubby']);
  expect(asked.embedding).toBe(face.embedding);
  expect(asked.attributes).toEqual({ Chubby: true });
  for (const output of ['age', 'gender', 'expression'] as const) expect(output in asked).toBe(false);
  expect(asked.extra).toEqual({});
  expect(isShown('Blink', ['Blink'])).toBe(true);
});

test('a face in words', () => {
  const found = lines(
    reportedFace({ ...face, attributes: { Smiling: true, Bald: false, 'No Beard': true } }, undefined),
    en,
  );
  expect(found.map(({ name, value, note }) => [name, value, note])).toEqual([
    ['Apparent age', '34', '26 to 41 years'],
    ['Expression', 'happiness', '87%'],
    ['Apparent gender', 'female', '70%'],
    ['Also seen', 'smiling', undefined],
  ]);
  expect(lines({ ...face, attributes: {} }, ar)[0]?.name).toBe('العمر الظاهري');
  const bare = {
    box: face.box,
    points: face.points,
    pose: face.pose,
    quality: face.quality,
    model: '',
    attributes: {},
    attributeProbabilities: {},
    extra: {},
  };
  expect(lines(bare, en)).toEqual([]);
});

test('for those who listen: how many faces, and each in a few words', () => {
  expect(summary([], en)).toBe('No face in view');
  const tracked = { ...face, id: 7 };
  expect(faceLabel(tracked, 0)).toBe('7');
  expect(summary([tracked], en)).toBe(
    '1 face in view. Face 7: Apparent age 34, Expression happiness, Apparent gender female',
  );
});
