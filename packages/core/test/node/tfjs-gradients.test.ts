import { arrange, embeddingLength, networkOf, selectOutputs } from '@swinface/core';
import { ReferenceOps, type ReferenceTensor, toReference } from '@swinface/core/reference';
import { TfjsOps } from '@swinface/core/tfjs';
import { expectAllClose, syntheticInput, syntheticWeights } from '@swinface/testing';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { beforeAll, expect, test } from 'vitest';
import { pick } from '../../src/networks/network.js';
import { TINY } from '../tfjs/tiny.js';

const selection = selectOutputs(TINY);
const network = networkOf(selection);
const weights = arrange(network, syntheticWeights(TINY));
const LENGTH = embeddingLength(TINY);
const image = syntheticInput('image', [2, 3, 32, 32]);

beforeAll(() => tf.setBackend('cpu'));

/** A scalar in which every output has its own weight. */
const PROBE = syntheticInput('probe', [2, LENGTH + selection.logits]);

function referenceLoss(record: ReadonlyMap<string, ReferenceTensor>): number {
  const { embedding, logits } = network.forward(new ReferenceOps(), (path) => pick(record, path), toReference(image));
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

function tfjsLoss({ embedding, logits }: Readonly<Record<string, tf.Tensor>>): tf.Scalar {
  if (!embedding || !logits) throw new Error('an output is missing');
  return tf.sum(tf.mul(tf.concat([embedding, logits], 1), tf.tensor2d(PROBE.data, [2, LENGTH + selection.logits])));
}

test('tf.grads through the whole network agree with finite differences for every weight tensor', async () => {
  const before = tf.memory().numTensors;
  const paths = [...weights.keys()];
  const values = [...weights.values()].map(({ data, shape }) => tf.tensor(data, [...shape]));
  const gradient = tf.grads((...tensors) => {
    const record = new Map(paths.map((path, index) => [path, tensors[index] as tf.Tensor]));
    const pixels = tf.tensor(image.data, [...image.shape]);
    return tfjsLoss(network.forward(new TfjsOps(), (path) => pick(record, path), pixels));
  });
  const gradients = gradient(values);
  expect(gradients).toHaveLength(paths.length);

  const record = new Map([...weights].map(([path, tensor]) => [path, toReference(tensor)]));
  for (const [index, path] of paths.entries()) {
    const actual = (await gradients[index]?.data<'float32'>()) ?? new Float32Array();
    const { data } = pick(record, path);
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
