import type { Padding } from '@swinface/core';
import type { Case } from './cases.js';

const NO_PADDING: Padding = { top: 0, right: 0, bottom: 0, left: 0 };
const AROUND: Padding = { top: 1, right: 1, bottom: 1, left: 1 };
/** TensorFlow's of a 3x3 convolution of stride 2 over an even side. */
const AFTER: Padding = { top: 0, right: 1, bottom: 1, left: 0 };

/** Operations that executors compute together, on shapes that no tile size divides. */
export const FUSIONS: Readonly<Record<string, Case>> = {
  'picture -> convolution 3x3 of stride 2 -> prelu, odd sides': (ops, make) => {
    const image = ops.imageTokens(make('image', [2, 3, 9, 11]));
    const window = { sides: [9, 11], kernel: [3, 3], stride: 2, padding: AROUND } as const;
    const weights = { weight: make('weight', [10, 3, 3, 3]), bias: make('bias', [10]) };
    return ops.prelu(ops.convolution(image, weights, { ...window, groups: 1 }), make('slope', [10]));
  },
  'picture -> convolution 5x5 of stride 2 -> relu, padding of 1 and 2': (ops, make) => {
    const image = ops.imageTokens(make('image', [1, 3, 12, 10]));
    const padding = { top: 1, right: 2, bottom: 2, left: 1 };
    const window = { sides: [12, 10], kernel: [5, 5], stride: 2, padding } as const;
    const weights = { weight: make('weight', [24, 3, 5, 5]), bias: make('bias', [24]) };
    return ops.relu(ops.convolution(image, weights, { ...window, groups: 1 }));
  },
  'convolution 3x3 over 1,600 tokens, with residual -> silu': (ops, make) => {
    const x = make('x', [1, 1600, 6]);
    const window = { sides: [40, 40], kernel: [3, 3], stride: 1, padding: AROUND } as const;
    const weights = { weight: make('weight', [6, 6, 3, 3]), bias: make('bias', [6]) };
    return ops.silu(ops.add(x, ops.convolution(x, weights, { ...window, groups: 1 })));
  },
  'convolution 3x3 to a single token of 1,404 channels': (ops, make) =>
    ops.convolution(
      make('x', [2, 9, 32]),
      { weight: make('weight', [1404, 32, 3, 3], 0.1), bias: make('bias', [1404]) },
      { sides: [3, 3], kernel: [3, 3], stride: 1, padding: NO_PADDING, groups: 1 },
    ),
  'depthwise 3x3 -> prelu, 42 channels': (ops, make) => {
    const x = make('x', [2, 143, 42]);
    const window = { sides: [11, 13], kernel: [3, 3], stride: 1, padding: AROUND } as const;
    const weights = { weight: make('weight', [42, 1, 3, 3]), bias: make('bias', [42]) };
    return ops.prelu(ops.convolution(x, weights, { ...window, groups: 42 }), make('slope', [42]));
  },
  'depthwise 3x3 of stride 2 -> silu, padding after': (ops, make) => {
    const x = make('x', [3, 168, 20]);
    const window = { sides: [12, 14], kernel: [3, 3], stride: 2, padding: AFTER } as const;
    const weights = { weight: make('weight', [20, 1, 3, 3]), bias: make('bias', [20]) };
    return ops.silu(ops.convolution(x, weights, { ...window, groups: 20 }));
  },
  'depthwise 3x3 with residual -> relu': (ops, make) => {
    const x = make('x', [2, 20, 6]);
    const window = { sides: [4, 5], kernel: [3, 3], stride: 1, padding: AROUND } as const;
    const weights = { weight: make('weight', [6, 1, 3, 3]), bias: make('bias', [6]) };
    return ops.relu(ops.add(x, ops.convolution(x, weights, { ...window, groups: 6 })));
  },
  'a block that halves and widens its map: depthwise -> linear + padded pool -> prelu': (ops, make) => {
    const x = make('x', [2, 48, 42]);
    const depthwise = { sides: [6, 8], kernel: [3, 3], stride: 2, padding: AFTER, groups: 42 } as const;
    const weights = { weight: make('weight', [42, 1, 3, 3]), bias: make('bias', [42]) };
    const spread = ops.convolution(x, weights, depthwise);
    const y = ops.linear(spread, { weight: make('pointwise', [48, 42]), bias: make('pointwiseBias', [48]) });
    const pooled = ops.maxPool(x, { sides: [6, 8], kernel: [2, 2], stride: 2, padding: NO_PADDING });
    return ops.prelu(ops.add(ops.padChannels(pooled, 48), y), make('slope', [48]));
  },
  'padded channels that a sum and a convolution read': (ops, make) => {
    const wide = ops.padChannels(make('x', [1, 12, 5]), 12);
    const window = { sides: [3, 4], kernel: [3, 3], stride: 1, padding: AROUND, groups: 12 } as const;
    const spread = ops.convolution(wide, { weight: make('weight', [12, 1, 3, 3]) }, window);
    const y = ops.linear(spread, { weight: make('pointwise', [12, 12]), bias: make('pointwiseBias', [12]) });
    return ops.relu(ops.add(wide, y));
  },
  'linear over 301 rows of 400 -> prelu, more than a block of rows': (ops, make) =>
    ops.prelu(
      ops.linear(make('x', [1, 301, 400], 0.1), { weight: make('weight', [21, 400]), bias: make('bias', [21]) }),
      make('slope', [21]),
    ),
  'linear -> silu, 6 outputs': (ops, make) =>
    ops.silu(ops.linear(make('x', [2, 17, 88]), { weight: make('weight', [6, 88]), bias: make('bias', [6]) })),
  'resizeBilinear + relu of a linear layer': (ops, make) => {
    const x = make('x', [2, 6, 10]);
    const own = ops.relu(ops.linear(x, { weight: make('weight', [10, 10]), bias: make('bias', [10]) }));
    return ops.add(ops.resizeBilinear(own, [2, 3], [4, 6]), ops.relu(ops.resizeBilinear(x, [2, 3], [4, 6])));
  },
  'squeezeExcite of a width no multiple of four, then linear': (ops, make) => {
    const x = ops.squeezeExcite(make('x', [2, 21, 10], 2), {
      reduce: { weight: make('reduce', [3, 10]), bias: make('reduceBias', [3]) },
      expand: { weight: make('expand', [10, 3]), bias: make('expandBias', [10]) },
    });
    return ops.meanTokens(ops.linear(x, { weight: make('weight', [7, 10]), bias: make('bias', [7]) }));
  },
};
