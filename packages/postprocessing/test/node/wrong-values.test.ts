/** What classes and functions of this package say to values that JavaScript lets them pass. */
import {
  compare,
  enrol,
  Gallery,
  headPose,
  match,
  matchThreshold,
  operatingPoint,
  verify,
} from '@swinface/postprocessing';
import { PgVectorIndex } from '@swinface/postprocessing/pgvector';
import { faceQuality } from '@swinface/postprocessing/quality';
import { FaceTracks, OneEuroFilter, TrackAverages } from '@swinface/postprocessing/stream';
import { callWrongly, WRONG_VALUES } from '@swinface/testing';
import { expect, test } from 'vitest';

const point = { falseMatchRate: 0.01, falseNonMatchRate: 0.1, threshold: 0.3 };
const calibration = { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [point] };
const model = { id: 'm', config: { feature: 2 }, calibration };
const face = { model: 'm', embedding: Float32Array.of(1, 0) };
const box = { x: 0, y: 0, width: 100, height: 100 };
const pose = { yaw: 0, pitch: 0, roll: 0 };
const crop = { data: new Uint8ClampedArray(4 * 112 * 112), width: 112, height: 112 };
const filled = () => {
  const gallery = new Gallery(model);
  gallery.add('a', face);
  return gallery;
};
const client = { query: async () => ({ rows: [{ id: 'a', similarity: 1, agreement: 1, statement: 'x' }] }) };
const index = new PgVectorIndex(client, model);

/** Each with arguments that it takes. */
const FUNCTIONS: readonly (readonly [name: string, call: (...values: never[]) => unknown, ...right: unknown[]])[] = [
  ['compare', compare, face, face, { verification: [point] }],
  ['verify', verify, face, face, { verification: [point] }],
  ['match', match, 0.5, { verification: [point] }],
  ['enrol', enrol, [face, face], calibration, {}],
  ['matchThreshold', matchThreshold, face, face, point],
  ['operatingPoint', operatingPoint, [point], 0.01],
  ['new Gallery', (m: never) => new Gallery(m), model],
  ['Gallery.add', (id: never, f: never) => new Gallery(model).add(id, f), 'b', face],
  ['Gallery.search', (f: never, k: never) => filled().search(f, k), face, 3],
  ['Gallery.identify', (f: never, o: never) => filled().identify(f, o), face, {}],
  ['Gallery.from', Gallery.from.bind(Gallery), filled().toJSON(), model],
  ['new PgVectorIndex', (c: never, m: never, o: never) => new PgVectorIndex(c, m, o), client, model, {}],
  ['PgVectorIndex.add', index.add.bind(index), 'b', face],
  ['PgVectorIndex.search', index.search.bind(index), face, 3],
  ['faceQuality', faceQuality, { box, pose, crop }],
  ['new OneEuroFilter', (o: never) => new OneEuroFilter(o), {}],
  ['OneEuroFilter.update', (v: never, t: never, s: never) => new OneEuroFilter().update(v, t, s), [1, 2], 0, 1],
  ['new FaceTracks', (o: never) => new FaceTracks(o), {}],
  ['FaceTracks.update', (d: never, t: never) => new FaceTracks().update(d, t), [], 0],
  [
    'FaceTracks.update with a detection',
    (detection: never) => new FaceTracks().update([detection], 0),
    { box, points: [[1, 2]], embedding: Float32Array.of(1, 0), quality: { score: 1 } },
  ],
  ['new TrackAverages', (m: never) => new TrackAverages(m), model],
  ['headPose', headPose, [], 100, 100],
];

const CALLS = FUNCTIONS.map(([name, call, ...right]) => ({ name, call, right }));

test.each(CALLS)('$name answers wrong values with typed errors', async ({ call, right }) => {
  const { refused, raw } = await callWrongly(call, right);
  expect(raw.slice(0, 3)).toEqual([]);
  expect(refused).toBeGreaterThan(WRONG_VALUES.length / 4);
});

test('a gallery has nobody of an id that is none', () => {
  for (const id of WRONG_VALUES as never[]) {
    expect(filled().has(id)).toBe(false);
    expect(filled().remove(id)).toBe(false);
  }
});
