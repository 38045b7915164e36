import {
  ARCFACE_TEMPLATE,
  applySimilarity,
  composeSimilarities,
  cropTransform,
  estimateSimilarity,
  type FivePoints,
  InvalidInputError,
  invertSimilarity,
  type Point,
  type Similarity,
} from '@swinface/geometry';
import { seededRandom } from '@swinface/testing';
import { describe, expect, it } from 'vitest';

const transform = (scale: number, degrees: number, tx: number, ty: number): Similarity => {
  const angle = (degrees * Math.PI) / 180;
  return { a: scale * Math.cos(angle), b: scale * Math.sin(angle), tx, ty };
};
const five = (points: readonly Point[]): FivePoints => points as unknown as FivePoints;
const moved = (by: Similarity, points: readonly Point[] = ARCFACE_TEMPLATE): FivePoints =>
  five(points.map((point) => applySimilarity(by, point)));
const flat = ({ a, b, tx, ty }: Similarity): number[] => [a, b, tx, ty];
const squaredError = (t: Similarity, from: readonly Point[], to: readonly Point[]): number =>
  from.reduce((sum, point, i) => {
    const [x, y] = applySimilarity(t, point);
    const [u, v] = to[i] ?? [0, 0];
    return sum + (x - u) ** 2 + (y - v) ** 2;
  }, 0);

describe('estimateSimilarity', () => {
  it.each([
    [1, 0, 0, 0],
    [3.7, 0, 512, -90],
    [0.21, 33, 8000, 4000],
    [2, 90, -5, 7],
    [1.3, 180, 100, 100],
    [0.05, -135, 1, 2],
  ])('recovers scale %d, rotation %d degrees, shift (%d, %d)', (scale, degrees, tx, ty) => {
    const known = transform(scale, degrees, tx, ty);
    const found = estimateSimilarity(ARCFACE_TEMPLATE, moved(known));
    // Float64 rounding of coordinates in the thousands.
    for (const [i, value] of flat(found).entries()) expect(value).toBeCloseTo(flat(known)[i] ?? Number.NaN, 9);
  });

  it('is the least-squares optimum: every small change is worse', () => {
    const random = seededRandom(7);
    const noisy = moved(transform(2, 20, 30, 40)).map(([x, y]): Point => [x + 6 * random() - 3, y + 6 * random() - 3]);
    const best = estimateSimilarity(noisy, ARCFACE_TEMPLATE);
    const least = squaredError(best, noisy, ARCFACE_TEMPLATE);
    for (const key of ['a', 'b', 'tx', 'ty'] as const) {
      for (const step of [-1e-3, 1e-3]) {
        expect(squaredError({ ...best, [key]: best[key] + step }, noisy, ARCFACE_TEMPLATE)).toBeGreaterThan(least);
      }
    }
  });

  it('never reflects, also where a reflection would fit exactly', () => {
    const mirrored = ARCFACE_TEMPLATE.map(([x, y]): Point => [112 - x, y]);
    const { a, b, tx, ty } = estimateSimilarity(mirrored, ARCFACE_TEMPLATE);
    // The form [[a, -b], [b, a]] has the determinant a^2 + b^2; a point off the axis shows that no reflection hides in it.
    expect(a * a + b * b).toBeGreaterThan(0);
    const [x0] = applySimilarity({ a, b, tx, ty }, [0, 56]);
    const [x1] = applySimilarity({ a, b, tx, ty }, [112, 56]);
    expect(x1).toBeGreaterThan(x0);
    expect(squaredError({ a, b, tx, ty }, mirrored, ARCFACE_TEMPLATE)).toBeGreaterThan(0.1);
  });

  it('aligns two points exactly', () => {
    const found = estimateSimilarity(
      [
        [10, 10],
        [20, 10],
      ],
      [
        [0, 0],
        [0, 5],
      ],
    );
    expect(applySimilarity(found, [10, 10])).toEqual([expect.closeTo(0, 12), expect.closeTo(0, 12)]);
    expect(applySimilarity(found, [20, 10])).toEqual([expect.closeTo(0, 12), expect.closeTo(5, 12)]);
  });

  it.each<[string, Point[], Point[]]>([
    ['lists of different length', [[0, 0]], [...ARCFACE_TEMPLATE]],
    ['a single point', [[1, 2]], [[3, 4]]],
    ['points that coincide', Array.from({ length: 5 }, (): Point => [40, 40]), [...ARCFACE_TEMPLATE]],
    [
      'normalised points that all but coincide',
      ARCFACE_TEMPLATE.map(([x, y]): Point => [x / 1e6, y / 1e6]),
      [...ARCFACE_TEMPLATE],
    ],
    [
      'a coordinate that is not a number',
      ARCFACE_TEMPLATE.map(([x], i): Point => [x, i === 2 ? Number.NaN : i]),
      [...ARCFACE_TEMPLATE],
    ],
    [
      'an infinite coordinate',
      ARCFACE_TEMPLATE.map(([x], i): Point => [x, i === 2 ? Infinity : i]),
      [...ARCFACE_TEMPLATE],
    ],
    ['a target that is one point', [...ARCFACE_TEMPLATE], Array.from({ length: 5 }, (): Point => [1, 1])],
  ])('refuses %s', (_, from, to) => {
    expect(() => estimateSimilarity(from, to)).toThrow(InvalidInputError);
  });
});

describe('cropTransform', () => {
  it('is the identity for a face that lies like the template', () => {
    for (const [i, value] of flat(cropTransform(ARCFACE_TEMPLATE)).entries()) {
      expect(value).toBeCloseTo([1, 0, 0, 0][i] ?? Number.NaN, 12);
    }
  });

  it('undoes where the face was put', () => {
    const placed = transform(4.2, -17, 900, 333);
    const back = composeSimilarities(cropTransform(moved(placed)), placed);
    for (const [i, value] of flat(back).entries()) expect(value).toBeCloseTo([1, 0, 0, 0][i] ?? Number.NaN, 10);
  });

  it('zooms out about the centre of the crop', () => {
    const loose = cropTransform(ARCFACE_TEMPLATE, 0.6);
    expect(applySimilarity(loose, [56, 56])).toEqual([expect.closeTo(56, 12), expect.closeTo(56, 12)]);
    expect(Math.hypot(loose.a, loose.b)).toBeCloseTo(0.6, 12);
  });

  it.each([0, -1, Number.NaN, Infinity])('refuses the zoom %d', (zoom) => {
    expect(() => cropTransform(ARCFACE_TEMPLATE, zoom)).toThrow(InvalidInputError);
  });
});

describe('invertSimilarity and composeSimilarities', () => {
  it('cancel each other', () => {
    const t = transform(0.37, 71, -12, 5000);
    for (const both of [composeSimilarities(t, invertSimilarity(t)), composeSimilarities(invertSimilarity(t), t)]) {
      for (const [i, value] of flat(both).entries()) expect(value).toBeCloseTo([1, 0, 0, 0][i] ?? Number.NaN, 9);
    }
  });

  it('compose in the order "second after first"', () => {
    const first = transform(2, 90, 10, 0);
    const second = transform(1, 0, 0, 5);
    const [x, y] = applySimilarity(composeSimilarities(second, first), [1, 0]);
    expect([x, y]).toEqual([expect.closeTo(10, 12), expect.closeTo(7, 12)]);
  });

  it('refuse to invert a scale of zero', () => {
    expect(() => invertSimilarity({ a: 0, b: 0, tx: 1, ty: 1 })).toThrow(InvalidInputError);
  });
});
