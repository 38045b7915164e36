import {
  boundingBox,
  centreOf,
  checkBox,
  InvalidInputError,
  intersectionOverUnion,
  meanSide,
  squareAround,
  suppressOverlaps,
} from '@swinface/geometry';
import { describe, expect, it } from 'vitest';

const box = (x: number, y: number, width: number, height = width) => ({ x, y, width, height });

describe('intersectionOverUnion', () => {
  it.each([
    [box(0, 0, 10), box(0, 0, 10), 1],
    [box(0, 0, 10), box(5, 0, 10), 50 / 150],
    [box(0, 0, 10), box(5, 5, 10), 25 / 175],
    [box(0, 0, 10), box(2, 2, 5), 25 / 100],
    [box(0, 0, 10), box(10, 0, 10), 0],
    [box(0, 0, 10), box(30, 30, 1), 0],
    [box(0, 0, 0), box(0, 0, 0), 0],
  ])('of %j and %j is %d', (a, b, expected) => {
    expect(intersectionOverUnion(a, b)).toBeCloseTo(expected, 12);
    expect(intersectionOverUnion(b, a)).toBeCloseTo(expected, 12);
  });
});

describe('suppressOverlaps', () => {
  it('keeps the best of each heap, best first', () => {
    const found = [
      { box: box(100, 0, 10), score: 0.6 },
      { box: box(1, 1, 10), score: 0.7 },
      { box: box(0, 0, 10), score: 0.9 },
      { box: box(101, 0, 10), score: 0.8 },
    ];
    expect(suppressOverlaps(found, 0.3).map(({ score }) => score)).toEqual([0.9, 0.8]);
  });

  it('lets a chain keep both of its ends', () => {
    const chain = [
      { box: box(0, 0, 10), score: 0.9 },
      { box: box(4, 0, 10), score: 0.8 },
      { box: box(8, 0, 10), score: 0.7 },
    ];
    expect(suppressOverlaps(chain, 0.3).map(({ score }) => score)).toEqual([0.9, 0.7]);
  });

  it('leaves its input alone and takes an empty list', () => {
    const input = [
      { box: box(0, 0, 1), score: 0.1 },
      { box: box(9, 9, 1), score: 0.2 },
    ];
    suppressOverlaps(input, 0.5);
    expect(input.map(({ score }) => score)).toEqual([0.1, 0.2]);
    expect(suppressOverlaps([], 0.5)).toEqual([]);
  });
});

it('boundingBox spans the first two of every stride numbers', () => {
  expect(boundingBox(Float32Array.of(3, 4, 99, -1, 8, -99, 2, 2, 0), 3)).toEqual(box(-1, 2, 4, 6));
});

it('squareAround keeps the centre and takes the longer side', () => {
  expect(squareAround(box(10, 20, 4, 8), 2)).toEqual(box(4, 16, 16));
});

it('centreOf and meanSide of a box that is not square', () => {
  expect(centreOf(box(10, 20, 4, 9))).toEqual([12, 24.5]);
  expect(meanSide(box(10, 20, 4, 9))).toBe(6);
});

it.each([box(Number.NaN, 0, 1), box(0, Infinity, 1), box(0, 0, 0, 5), box(0, 0, 5, -1)])(
  'checkBox refuses %j',
  (bad) => {
    expect(() => checkBox(bad)).toThrow(InvalidInputError);
  },
);
