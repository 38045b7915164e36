import type { HostTensor, Ops } from '@swinface/core';
import { ReferenceOps, type ReferenceTensor, toReference } from '@swinface/core/reference';
// Not from the package's index, which needs Node: these cases run in browsers too.
import { syntheticInput } from '../../../testing/src/synthetic.js';

/** Makes a tensor: `scale` times uniform numbers in [-1, 1), plus `offset`; the same for the same name. */
type Make<T> = (name: string, shape: readonly number[], scale?: number, offset?: number) => T;

/** One operation on inputs that `make` makes. */
export type Case = <T>(ops: Ops<T>, make: Make<T>) => T;

const NO_PADDING = { top: 0, right: 0, bottom: 0, left: 0 };

/** Each operation on shapes that no tile size divides, and with values that naive formulas get wrong. */
export const CASES: Readonly<Record<string, Case>> = {
  'imageTokens, not square': (ops, make) => ops.imageTokens(make('image', [2, 3, 5, 7])),
  'convolution, 3x3 of stride 2, odd sides, padding after': (ops, make) =>
    ops.convolution(
      make('x', [2, 35, 5]),
      { weight: make('weight', [7, 5, 3, 3]), bias: make('bias', [7]) },
      { sides: [5, 7], kernel: [3, 3], stride: 2, padding: { top: 0, right: 1, bottom: 1, left: 0 }, groups: 1 },
    ),
  'convolution, 5x5 of stride 2, padding of 1 and 2': (ops, make) =>
    ops.convolution(
      make('x', [1, 64, 3]),
      { weight: make('weight', [6, 3, 5, 5]), bias: make('bias', [6]) },
      { sides: [8, 8], kernel: [5, 5], stride: 2, padding: { top: 1, right: 2, bottom: 2, left: 1 }, groups: 1 },
    ),
  'convolution, 1x1 of stride 2, without bias': (ops, make) =>
    ops.convolution(
      make('x', [2, 42, 9]),
      { weight: make('weight', [4, 9, 1, 1]) },
      { sides: [6, 7], kernel: [1, 1], stride: 2, padding: NO_PADDING, groups: 1 },
    ),
  'convolution of two groups': (ops, make) =>
    ops.convolution(
      make('x', [1, 30, 6]),
      { weight: make('weight', [10, 3, 3, 1]), bias: make('bias', [10]) },
      { sides: [6, 5], kernel: [3, 1], stride: 1, padding: { top: 1, right: 0, bottom: 1, left: 0 }, groups: 2 },
    ),
  'convolution, depthwise 3x3, a width no multiple of four': (ops, make) =>
    ops.convolution(
      make('x', [2, 63, 42]),
      { weight: make('weight', [42, 1, 3, 3]), bias: make('bias', [42]) },
      { sides: [7, 9], kernel: [3, 3], stride: 1, padding: { top: 1, right: 1, bottom: 1, left: 1 }, groups: 42 },
    ),
  'convolution, depthwise 5x5 of stride 2, padding of 1 and 2': (ops, make) =>
    ops.convolution(
      make('x', [1, 80, 12]),
      { weight: make('weight', [12, 1, 5, 5]), bias: make('bias', [12]) },
      { sides: [8, 10], kernel: [5, 5], stride: 2, padding: { top: 1, right: 2, bottom: 2, left: 1 }, groups: 12 },
    ),
  'convolution, depthwise 7x7 without padding, to a single token': (ops, make) =>
    ops.convolution(
      make('x', [3, 49, 8]),
      { weight: make('weight', [8, 1, 7, 7]), bias: make('bias', [8]) },
      { sides: [7, 7], kernel: [7, 7], stride: 1, padding: NO_PADDING, groups: 8 },
    ),
  prelu: (ops, make) => ops.prelu(make('x', [2, 7, 5], 3), make('slope', [5])),
  silu: (ops, make) => ops.silu(make('x', [2, 33], 9)),
  'maxPool 2x2 of stride 2 of negative values': (ops, make) =>
    ops.maxPool(make('x', [2, 24, 6], 1, -5), { sides: [4, 6], kernel: [2, 2], stride: 2, padding: NO_PADDING }),
  'maxPool 3x3 of stride 2, odd sides, padding 1': (ops, make) =>
    ops.maxPool(make('x', [1, 35, 3], 1, -5), {
      sides: [5, 7],
      kernel: [3, 3],
      stride: 2,
      padding: { top: 1, right: 1, bottom: 1, left: 1 },
    }),
  padChannels: (ops, make) => ops.padChannels(make('x', [2, 3, 5]), 9),
  'resizeBilinear to twice the size': (ops, make) => ops.resizeBilinear(make('x', [2, 6, 5]), [2, 3], [4, 6]),
  'resizeBilinear to odd sides': (ops, make) => ops.resizeBilinear(make('x', [1, 20, 3]), [4, 5], [7, 3]),
  squeezeExcite: (ops, make) =>
    ops.squeezeExcite(make('x', [3, 10, 8], 2), {
      reduce: { weight: make('reduce', [2, 8]), bias: make('reduceBias', [2]) },
      expand: { weight: make('expand', [8, 2]), bias: make('expandBias', [8]) },
    }),
  'pyramidMax of three levels, sides they do not divide': (ops, make) =>
    ops.pyramidMax(make('x', [2, 35, 6], 1, -5), [5, 7], 3),
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

function input(name: string, shape: readonly number[], scale = 1, offset = 0): HostTensor {
  const { data } = syntheticInput(name, shape);
  return { shape, data: data.map((value) => value * scale + offset) };
}

/** float32: 1.2e-7 of the largest terms, which reach 100 (layerNorm) and add up in sums of at most 131. */
export const FLOAT32 = { atol: 3e-5, rtol: 3e-5 };

/** A case's answer in float64. */
export const referenceOf = (run: Case): ReferenceTensor =>
  run(new ReferenceOps(), (...args) => toReference(input(...args)));

/** A case computed with other operations. */
export const runCase = <T>(run: Case, ops: Ops<T>, make: (tensor: HostTensor, name: string) => T): T =>
  run(ops, (...args) => make(input(...args), args[0]));
