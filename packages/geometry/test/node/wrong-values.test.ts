/** What the functions of this package say to values that JavaScript lets them pass. */
import {
  ARCFACE_TEMPLATE,
  applySimilarity,
  boundingBox,
  centreOf,
  checkBox,
  composeSimilarities,
  cropSampling,
  cropTransform,
  describeValue,
  estimateSimilarity,
  intersectionOverUnion,
  invertSimilarity,
  isBranded,
  isObject,
  meanSide,
  squareAround,
  suppressOverlaps,
  workingSize,
} from '@swinface/geometry';
import { cutCrop, sampleCrop, warpPixels, writeNormalized } from '@swinface/geometry/warp';
import { callWrongly, WRONG_VALUES } from '@swinface/testing';
import { expect, test } from 'vitest';

const box = { x: 1, y: 2, width: 3, height: 4 };
const similarity = { a: 1, b: 0, tx: 0, ty: 0 };
const raster = { data: new Uint8Array(4 * 9), width: 3, height: 3 };
const sampling = cropSampling(similarity);
const source = { width: 3, height: 3, read: () => ({ ...raster, x: 0, y: 0 }) };

/** Each with arguments that it takes. */
const FUNCTIONS: readonly (readonly [name: string, call: (...values: never[]) => unknown, ...right: unknown[]])[] = [
  ['intersectionOverUnion', intersectionOverUnion, box, box],
  [
    'suppressOverlaps',
    suppressOverlaps,
    [
      { box, score: 1 },
      { box, score: 0.5 },
    ],
    0.3,
  ],
  ['boundingBox', boundingBox, [1, 2, 3, 4], 2],
  ['squareAround', squareAround, box, 1.5],
  ['meanSide', meanSide, box],
  ['centreOf', centreOf, box],
  ['checkBox', checkBox, box],
  ['applySimilarity', applySimilarity, similarity, [1, 2]],
  ['composeSimilarities', composeSimilarities, similarity, similarity],
  ['invertSimilarity', invertSimilarity, similarity],
  ['estimateSimilarity', estimateSimilarity, ARCFACE_TEMPLATE, ARCFACE_TEMPLATE],
  ['cropTransform', cropTransform, ARCFACE_TEMPLATE, 1, 112],
  ['cropSampling', cropSampling, similarity, 1, 1],
  ['workingSize', workingSize, 100, 200, { maxSide: 50, maxPixels: 1000 }],
  ['warpPixels', warpPixels, raster, [similarity]],
  ['writeNormalized', writeNormalized, sampleCrop(source, sampling, 8), new Float32Array(3 * 64)],
  ['cutCrop', cutCrop, raster, sampling, 8],
  ['sampleCrop', sampleCrop, source, sampling, 8],
];

const CALLS = FUNCTIONS.map(([name, call, ...right]) => ({ name, call, right }));

test.each(CALLS)('$name answers wrong values with typed errors', async ({ call, right }) => {
  expect(() => call(...(right as never[]))).not.toThrow();
  const { refused, raw } = await callWrongly(call, right);
  expect(raw.slice(0, 3)).toEqual([]);
  expect(refused).toBeGreaterThan(WRONG_VALUES.length / 2);
});

test.each([describeValue, isObject, (value: unknown) => isBranded(value, 'Blob')])('%o takes anything', (check) => {
  for (const value of WRONG_VALUES) expect(() => check(value)).not.toThrow();
});
