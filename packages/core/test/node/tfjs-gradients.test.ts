import {
  assembleWeights,
  embeddingLength,
  type HostTensor,
  isHostTensor,
  type ModelOutputs,
  type ModelWeights,
  mapWeights,
  selectOutputs,
  swinFace,
} from '@swinface/core';
import { ReferenceOps, type ReferenceTensor, toReference } from '@swinface/core/reference';
import { TfjsOps } from '@swinface/core/tfjs';
import { expectAllClose, syntheticInput, syntheticWeights } from '@swinface/testing';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { beforeAll, expect, test } from 'vitest';
import { TINY } from '../tfjs/tiny.js';

const selection = selectOutputs(TINY);
const weights = assembleWeights(selection, syntheticWeights(TINY));
const LENGTH = embeddingLength(TINY);
const image = syntheticInput('image', [2, 3, 32, 32]);

beforeAll(() => tf.setBackend('cpu'));

/** A scalar in which every output has its own weight. */
const PROBE = syntheticInput('probe', [2, LENGTH + selection.logits]);

function referenceLoss(record: ModelWeights<ReferenceTensor>): number {
  const { embedding, logits } = swinFace(new ReferenceOps(), selection, record, toReference(image));
  let sum = 0;
  for (let face = 0; face < 2; face++) {
    const row = PROBE.data.subarray(face * (LENGTH + selection.logits));
    embedding?.data.subarray(face * LENGTH, (face + 1) * LENGTH).forEach((value, i) => {
      sum += value * (row[i] as number);
    });
    logits?.data.subarray(face * selection.logits, (face + 1) * selection.logits).forEach((value, i) => {
      sum += value * (row[LENGTH + i] as number);
    });
  }
  return sum;
}

function tfjsLoss({ embedding, logits }: ModelOutputs<tf.Tensor>): tf.Scalar {
  if (!embedding || !logits) throw new Error('an output is missing');
  return tf.sum(tf.mul(tf.concat([embedding, logits], 1), tf.tensor2d(PROBE.data, [2, LENGTH + selection.logits])));
}

/** The tensors of the record in the order that mapWeights visits them, with their paths. */
function listed(record: ModelWeights<HostTensor>): { path: string; tensor: HostTensor }[] {
  const list: { path: string; tensor: HostTensor }[] = [];
  mapWeights(record, isHostTensor, (tensor, path) => list.push({ path, tensor }));
  return list;
}

test('tf.grads through the whole network agree with finite differences for every weight tensor', async () => {
  const before = tf.memory().numTensors;
  const list = listed(weights);
  const values = list.map(({ tensor }) => tf.tensor(tensor.data, [...tensor.shape]));
  const gradient = tf.grads((...tensors) => {
    let next = 0;
    const record = mapWeights(weights, isHostTensor, () => tensors[next++] as tf.Tensor);
    const pixels = tf.tensor(image.data, [...image.shape]);
    return tfjsLoss(swinFace(new TfjsOps(), selection, record, pixels));
  });
  const gradients = gradient(values);
  expect(gradients).toHaveLength(list.length);

  const record = mapWeights(weights, isHostTensor, toReference);
  const doubles: ReferenceTensor[] = [];
  mapWeights(
    record,
    (value): value is ReferenceTensor => (value as ReferenceTensor).data instanceof Float64Array,
    (t) => doubles.push(t),
  );
  for (const [index, { path }] of list.entries()) {
    const actual = (await gradients[index]?.data<'float32'>()) ?? new Float32Array();
    const data = doubles[index]?.data as Float64Array;
    // The largest entry: central differences in float64 need two forward passes each.
    const entry = actual.reduce((best, value, i) => (Math.abs(value) > Math.abs(actual[best] as number) ? i : best), 0);
    const value = data[entry] as number;
    const step = 1e-5;
    data[entry] = value + step;
    const above = referenceLoss(record);
    data[entry] = value - step;
    const below = referenceLoss(record);
    data[entry] = value;
    // float32 forward and backward through 7 blocks, against differences good to about 1e-8.
    expectAllClose([actual[entry] as number], [(above - below) / (2 * step)], { atol: 1e-5, rtol: 1e-3, label: path });
    expect(Math.abs(actual[entry] as number), path).toBeGreaterThan(1e-3); // or the comparison would say nothing
  }
  tf.dispose([...values, ...gradients]);
  expect(tf.memory().numTensors).toBe(before);
});
