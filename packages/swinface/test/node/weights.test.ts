import type { DType, Manifest } from '@swinface/core';
import { expect, it } from 'vitest';
import { storageOf } from '../../src/backends/weights.js';
import { loadedModel } from '../support/model.js';

it.each<[DType[], string]>([
  [['F32'], 'f32'],
  [['F32', 'F16'], 'f16'],
  [['I8', 'F32', 'F16'], 'int8'],
])('weights of %j in their file lie on the GPU as %s', async (dtypes, storage) => {
  const { manifest } = await loadedModel();
  const tensors = Object.fromEntries(dtypes.map((dtype, i) => [`t${i}`, { dtype, shape: [1], shard: 0 }]));
  expect(storageOf({ ...manifest, tensors } satisfies Manifest)).toBe(storage);
});
