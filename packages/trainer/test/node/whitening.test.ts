import { BATCH_NORM_EPSILON, type HostTensor } from '@swinface/core';
import { expectAllClose } from '@swinface/testing';
import { expect, test } from 'vitest';
import { Random } from '../../src/data/random.js';
import { mapEmbeddings, withinClassWhitening } from '../../src/export/whitening.js';

const DIMS = 5;
/** Faces of 400 persons, three each and one alone, that vary within a person ten times as much along the first axis. */
function faces(): { rows: Float32Array; identities: (string | undefined)[] } {
  const random = new Random(1);
  const rows: number[] = [];
  const identities: (string | undefined)[] = [];
  for (let person = 0; person < 400; person++) {
    const centre = Array.from({ length: DIMS }, () => random.normal());
    for (let shot = 0; shot < (person % 4 === 3 ? 1 : 3); shot++) {
      rows.push(...centre.map((value, d) => value + (d === 0 ? 1 : 0.1) * random.normal()));
      identities.push(`${person}`);
    }
  }
  // Without an identity: left out.
  for (const value of [1e3, -1e3]) {
    rows.push(...new Array<number>(DIMS).fill(value));
    identities.push(undefined);
  }
  return { rows: Float32Array.from(rows), identities };
}

const times = (map: Float64Array, row: ArrayLike<number>) =>
  Float64Array.from({ length: DIMS }, (_, i) =>
    Array.from({ length: DIMS }, (__, j) => (map[i * DIMS + j] ?? 0) * (row[j] ?? 0)).reduce((a, b) => a + b),
  );

test('whitened embeddings vary alike in every direction within a person', () => {
  const { rows, identities } = faces();
  const map = withinClassWhitening(rows, DIMS, identities, 0);
  const mapped = new Float32Array(rows.length);
  for (let n = 0; n < identities.length; n++) mapped.set(times(map, rows.subarray(n * DIMS, (n + 1) * DIMS)), n * DIMS);
  const covariance = new Float64Array(DIMS * DIMS);
  let freedom = 0;
  for (const person of new Set(identities)) {
    const members = identities.flatMap((id, n) => (id === person && id !== undefined ? [n] : []));
    if (members.length < 2) continue;
    freedom += members.length - 1;
    for (let i = 0; i < DIMS; i++) {
      for (let j = 0; j < DIMS; j++) {
        const column = (d: number) => members.map((n) => mapped[n * DIMS + d] ?? 0);
        const [a, b] = [column(i), column(j)];
        const mean = (v: number[]) => v.reduce((x, y) => x + y) / v.length;
        const product = a.map((v, k) => (v - mean(a)) * ((b[k] ?? 0) - mean(b))).reduce((x, y) => x + y);
        covariance[i * DIMS + j] = (covariance[i * DIMS + j] ?? 0) + product;
      }
    }
  }
  // A multiple of the identity: the mean variance, by which the map is scaled. float32 rows: 1e-5 of it.
  const unit = (covariance[0] ?? 0) / freedom;
  expect(unit).toBeCloseTo((1 + 4 * 0.01) / DIMS, 1);
  const expected = Float64Array.from({ length: DIMS * DIMS }, (_, at) => (at % (DIMS + 1) === 0 ? unit : 0));
  expectAllClose(
    covariance.map((v) => v / freedom),
    expected,
    { atol: unit * 1e-5, rtol: 0, label: 'covariance within persons' },
  );
});

test('shrinkage takes the map towards the identity', () => {
  const { rows, identities } = faces();
  const spread = (shrinkage: number) => {
    const map = withinClassWhitening(rows, DIMS, identities, shrinkage);
    return (map[DIMS + 1] ?? 0) / (map[0] ?? 1); // the second axis against the first: 10 where nothing is added
  };
  expect(spread(0)).toBeGreaterThan(8);
  expect(spread(0.3)).toBeGreaterThan(2);
  expect(spread(0.3)).toBeLessThan(spread(0));
  expect(spread(100)).toBeLessThan(1.05);
});

test('a list of strangers is refused', () => {
  expect(() => withinClassWhitening(new Float32Array(2 * DIMS), DIMS, ['a', 'b'], 0.1)).toThrow(
    /somebody has two faces/,
  );
});

test('the map folds into the last layer of recognition', () => {
  const random = new Random(2);
  const [features, width] = [DIMS, 3];
  const tensor = (shape: number[], make: () => number): HostTensor => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, make),
  });
  const weights = new Map<string, HostTensor>([
    ['backbone.feature.2.weight', tensor([features, width], () => random.normal())],
    ['backbone.feature.3.weight', tensor([features], () => random.normal())],
    ['backbone.feature.3.bias', tensor([features], () => random.normal())],
    ['backbone.feature.3.running_mean', tensor([features], () => random.normal())],
    ['backbone.feature.3.running_var', tensor([features], () => 0.5 + random.uniform())],
    ['norm.weight', tensor([2], () => 1)],
  ]);
  const forward = (from: ReadonlyMap<string, HostTensor>, x: readonly number[]) => {
    const get = (name: string) => from.get(`backbone.feature.${name}`)?.data ?? new Float32Array();
    return Float64Array.from({ length: features }, (_, r) => {
      const dot = x.reduce((sum, value, c) => sum + value * (get('2.weight')[r * width + c] ?? 0), 0);
      const deviation = Math.sqrt((get('3.running_var')[r] ?? 0) + BATCH_NORM_EPSILON);
      const normal = (dot - (get('3.running_mean')[r] ?? 0)) / deviation;
      return normal * (get('3.weight')[r] ?? 0) + (get('3.bias')[r] ?? 0);
    });
  };
  const map = Float64Array.from({ length: features * features }, () => random.normal());
  const mapped = mapEmbeddings(weights, map);
  const x = [0.3, -1.2, 2];
  // Sums of a few float32 products.
  expectAllClose(forward(mapped, x), times(map, forward(weights, x)), { atol: 1e-5, rtol: 1e-5, label: 'embedding' });
  expect(mapped.get('norm.weight')).toBe(weights.get('norm.weight'));
  expect(() => mapEmbeddings(new Map(), map)).toThrow(/no backbone\.feature\.2\.weight/);
});
