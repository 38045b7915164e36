import type { Ops } from '@swinface/core';
import { ReferenceOps, toReference } from '@swinface/core/reference';
import { TfjsOps } from '@swinface/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
// Not from the package's index, which needs Node: these cases run in browsers too.
import { expectAllClose } from '../../../testing/src/allclose.js';
import { syntheticInput } from '../../../testing/src/synthetic.js';

/** Makes a tensor: `scale` times uniform numbers in [-1, 1), plus `offset`; the same for the same name. */
type Make<T> = (name: string, shape: readonly number[], scale?: number, offset?: number) => T;

type Case = <T>(ops: Ops<T>, make: Make<T>) => T;

/** Each operation on shapes that no tile size divides, and with values that naive formulas get wrong. */
export const CASES: Readonly<Record<string, Case>> = {
  'patchEmbed, not square': (ops, make) =>
    ops.patchEmbed(make('image', [2, 3, 6, 10]), { weight: make('weight', [5, 3, 2, 2]), bias: make('bias', [5]) }),
  'layerNorm of width 5, far from zero': (ops, make) =>
    ops.layerNorm(make('x', [3, 7, 5], 2, 100), { weight: make('weight', [5], 1, 1), bias: make('bias', [5]) }),
  'layerNorm of width 96': (ops, make) =>
    ops.layerNorm(make('x', [1, 3, 96], 3), { weight: make('weight', [96], 1, 1), bias: make('bias', [96]) }),
  'linear, one row': (ops, make) =>
    ops.linear(make('x', [1, 13]), { weight: make('weight', [3, 13]), bias: make('bias', [3]) }),
  'linear over tokens, more inputs than a block': (ops, make) =>
    ops.linear(make('x', [2, 5, 131]), { weight: make('weight', [7, 131]), bias: make('bias', [7]) }),
  'linear without bias': (ops, make) => ops.linear(make('x', [2, 3, 9]), { weight: make('weight', [4, 9]) }),
  'linear, stacked': (ops, make) =>
    ops.linear(make('x', [3, 2, 51]), { weight: make('weight', [3, 5, 51]), bias: make('bias', [3, 5]) }),
  'linear, stacked, one face, without bias': (ops, make) =>
    ops.linear(make('x', [3, 1, 7]), { weight: make('weight', [3, 2, 7]) }),
  gelu: (ops, make) => ops.gelu(make('x', [3, 67], 8)),
  relu: (ops, make) => ops.relu(make('x', [5, 3])),
  add: (ops, make) => ops.add(make('a', [2, 5, 3]), make('b', [2, 5, 3])),
  'windowAttention, one window': (ops, make) =>
    ops.windowAttention(make('qkv', [2, 16, 30]), make('table', [49, 2]), { size: 4, window: 4, heads: 2, shift: 0 }),
  'windowAttention, 3x3 windows, shifted by 1': (ops, make) =>
    ops.windowAttention(make('qkv', [2, 81, 30]), make('table', [25, 2]), { size: 9, window: 3, heads: 2, shift: 1 }),
  'windowAttention, 2x2 windows of 7, shifted by 3, scores that overflow exp': (ops, make) =>
    ops.windowAttention(make('qkv', [1, 196, 24], 11), make('table', [169, 1], 5), {
      size: 14,
      window: 7,
      heads: 1,
      shift: 3,
    }),
  'windowAttention of 67,280 rows, more than WebGPU dispatches at once': (ops, make) =>
    ops.windowAttention(make('qkv', [1, 116 ** 2, 15]), make('table', [49, 5]), {
      size: 116,
      window: 4,
      heads: 5,
      shift: 0,
    }),
  'mergePatches, odd half': (ops, make) => ops.mergePatches(make('x', [2, 36, 5]), 6),
  'averagePool by 3': (ops, make) => ops.averagePool(make('x', [2, 36, 5]), 6, 3),
  meanTokens: (ops, make) => ops.meanTokens(make('x', [2, 49, 5], 1, 3)),
  conv3x3: (ops, make) => ops.conv3x3(make('x', [2, 25, 7]), make('weight', [3, 5, 7, 3, 3]), 5),
  'conv3x3 of a single pixel': (ops, make) => ops.conv3x3(make('x', [1, 1, 2]), make('weight', [1, 3, 2, 3, 3]), 1),
  concat: (ops, make) => ops.concat([make('a', [2, 3, 5, 1]), make('b', [2, 3, 5, 4]), make('c', [2, 3, 5, 2])]),
  channelAttention: (ops, make) =>
    ops.channelAttention(make('x', [3, 2, 5, 8], 2), {
      fc1: { weight: make('fc1', [3, 2, 8]), bias: make('bias1', [3, 2]) },
      fc2: { weight: make('fc2', [3, 8, 2]), bias: make('bias2', [3, 8]) },
    }),
  'maxTokens of negative values': (ops, make) => ops.maxTokens(make('x', [3, 2, 5, 7], 1, -5)),
  batchNorm: (ops, make) =>
    ops.batchNorm(make('x', [3, 5]), {
      weight: make('weight', [5], 1, 1),
      bias: make('bias', [5]),
      running_mean: make('mean', [5]),
      running_var: make('var', [5], 0.5, 1),
    }),
  'batchNorm, stacked': (ops, make) =>
    ops.batchNorm(make('x', [3, 2, 5]), {
      weight: make('weight', [3, 5], 1, 1),
      bias: make('bias', [3, 5]),
      running_mean: make('mean', [3, 5]),
      running_var: make('var', [3, 5], 0.5, 1),
    }),
  'taskOutputs, rows in any order': (ops, make) =>
    ops.taskOutputs(
      make('x', [3, 2, 11]),
      { weight: make('weight', [5, 11]), bias: make('bias', [5]) },
      [2, 0, 0, 1, 2],
    ),
};

function input(name: string, shape: readonly number[], scale = 1, offset = 0) {
  const { data } = syntheticInput(name, shape);
  return { shape, data: data.map((value) => value * scale + offset) };
}

/**
 * One case on the active backend against float64.
 *
 * @throws if an element differs, or tensors are left behind
 */
export async function checkCase(name: string): Promise<void> {
  const run = CASES[name];
  if (!run) throw new Error(`There is no case "${name}"`);
  const expected = run(new ReferenceOps(), (...args) => toReference(input(...args)));

  const before = tf.memory().numTensors;
  const actual = tf.tidy(() =>
    run<tf.Tensor>(new TfjsOps(), (...args) => {
      const { shape, data } = input(...args);
      return tf.tensor(data, [...shape]);
    }),
  );
  if (actual.shape.join() !== expected.shape.join()) {
    throw new Error(`${name}: shape [${actual.shape}], expected [${expected.shape}]`);
  }
  // float32: 1.2e-7 of the largest terms, which reach 100 (layerNorm) and add up in sums of at most 131.
  expectAllClose(await actual.data(), expected.data, { atol: 3e-5, rtol: 3e-5, label: name });
  actual.dispose();
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`${name}: ${left} tensors left behind`);
}
