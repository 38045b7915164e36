import * as tf from '@tensorflow/tfjs-core';
import {
  BATCH_NORM_EPSILON,
  type BatchNormWeights,
  type ChannelAttentionWeights,
  type ConvolutionShape,
  LAYER_NORM_EPSILON,
  type LayerNormWeights,
  type LinearWeights,
  type Ops,
  pyramidBlocks,
  type RowSubnets,
  type SlidingWindow,
  type SqueezeExciteWeights,
  type WindowAttentionShape,
  windowedSides,
} from '../../ops.js';
import { attentionBias, windowPartition, windowReverse } from './windows.js';

type Sides = [number, number, number, number, number];

/** tfjs-backend-webgpu writes a wrong last row when asked for the softmax of more rows than this at once. */
const SOFTMAX_ROWS = 65_535;

/**
 * The network on tf.Tensors, on whichever tfjs backend is active. Everything used has a gradient (not einsum,
 * stridedSlice, gatherND), so tf.grads works through it; tfjs-core registers gradients only where
 * `@tensorflow/tfjs-core/dist/register_all_gradients` (or the whole `@tensorflow/tfjs`) is imported.
 * Call it inside tf.tidy: intermediate tensors are not disposed.
 */
export class TfjsOps implements Ops<tf.Tensor> {
  /** A tensor that depends on one weight alone. Computed each time, so that gradients reach the weight. */
  protected derived(_weight: tf.Tensor, compute: () => tf.Tensor): tf.Tensor {
    return compute();
  }

  patchEmbed(image: tf.Tensor, { weight, bias }: LinearWeights<tf.Tensor>): tf.Tensor {
    const [faces, colours, height, width] = image.shape as Sides;
    const [outputs, , patch] = weight.shape as Sides;
    const rows = height / patch;
    const columns = width / patch;
    const pixels = tf.reshape(image, [faces, colours, rows, patch, columns, patch]);
    const patches = tf.transpose(pixels, [0, 2, 4, 1, 3, 5]); // [B, H/p, W/p, 3, p, p]
    const matrix = this.derived(weight, () => tf.transpose(tf.reshape(weight, [outputs, -1]))); // [3pp, C]
    return affine(tf.reshape(patches, [faces, rows * columns, colours * patch ** 2]), matrix, bias);
  }

  layerNorm(x: tf.Tensor, { weight, bias }: LayerNormWeights<tf.Tensor>): tf.Tensor {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const scale = tf.rsqrt(tf.add(variance, LAYER_NORM_EPSILON));
    return tf.add(tf.mul(tf.mul(centred, scale), weight), bias);
  }

  linear(x: tf.Tensor, { weight, bias }: LinearWeights<tf.Tensor>): tf.Tensor {
    if (weight.rank === 2) {
      // wasm multiplies fast only by matrices that need no transposition.
      return affine(
        x,
        this.derived(weight, () => tf.transpose(weight)),
        bias,
      );
    }
    const matrices = this.derived(weight, () => tf.transpose(weight, [0, 2, 1])); // [S, I, O]
    const y = tf.matMul(x, matrices); // [S, B, O]
    return bias ? tf.add(y, tf.expandDims(bias, 1)) : y;
  }

  gelu(x: tf.Tensor): tf.Tensor {
    // tf.erf is Abramowitz & Stegun 7.1.26 on every backend: within 1.5e-7, float32's own rounding.
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
  }

  relu(x: tf.Tensor): tf.Tensor {
    return tf.relu(x);
  }

  add(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.add(a, b);
  }

  windowAttention(qkv: tf.Tensor, table: tf.Tensor, shape: WindowAttentionShape): tf.Tensor {
    const { size, window, heads } = shape;
    const [faces, , packed] = qkv.shape as Sides;
    const tokens = window ** 2;
    const width = packed / 3 / heads;
    const windows = (size / window) ** 2;
    const bias = this.derived(table, () => attentionBias(table, shape)); // [windows or 1, heads, ww, ww]

    const packedHeads = tf.reshape(windowPartition(qkv, shape), [faces * windows, tokens, 3 * heads, width]);
    // Split as flat rows: tfjs copies each piece in one go.
    const rows = tf.reshape(tf.transpose(packedHeads, [0, 2, 1, 3]), [faces * windows, 3 * heads * tokens * width]);
    const [q, k, v] = tf.split(rows, 3, 1).map((part) => tf.reshape(part, [faces * windows, heads, tokens, width])) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const scores = tf.matMul(tf.mul(q, width ** -0.5), k, false, true); // [B*windows, heads, ww, ww]
    const biased = tf.add(tf.reshape(scores, [-1, bias.shape[0] as number, heads, tokens, tokens]), bias);
    const attention = softmaxRows(tf.reshape(biased, [faces * windows * heads * tokens, tokens]));
    const mixed = tf.matMul(tf.reshape(attention, [faces * windows, heads, tokens, tokens]), v); // [B*windows, heads, ww, d]
    const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [faces * windows, tokens, heads * width]);
    return windowReverse(joined, shape); // [B, H*W, C]
  }

  mergePatches(x: tf.Tensor, size: number): tf.Tensor {
    const [faces, tokens, channels] = x.shape as Sides;
    const half = size / 2;
    const pixels = tf.reshape(x, [faces * half, 2, half, 2, channels]); // row of a 2x2 second, column fourth
    return tf.reshape(tf.transpose(pixels, [0, 2, 3, 1, 4]), [faces, tokens / 4, 4 * channels]);
  }

  averagePool(x: tf.Tensor, size: number, factor: number): tf.Tensor {
    const [faces, , channels] = x.shape as Sides;
    const map = tf.reshape(x, [faces, size, size, channels]) as tf.Tensor4D;
    return tf.reshape(tf.avgPool(map, factor, factor, 'valid'), [faces, (size / factor) ** 2, channels]);
  }

  meanTokens(x: tf.Tensor): tf.Tensor {
    return tf.mean(x, -2);
  }

  conv3x3(x: tf.Tensor, weight: tf.Tensor, size: number): tf.Tensor {
    const [faces, tokens, channels] = x.shape as Sides;
    const [subnets, outputs] = weight.shape as Sides;
    // All subnets read the same map, so they are one convolution with S * O outputs.
    const filter = this.derived(weight, () =>
      tf.reshape(tf.transpose(weight, [3, 4, 2, 0, 1]), [3, 3, channels, subnets * outputs]),
    );
    const map = tf.reshape(x, [faces, size, size, channels]) as tf.Tensor4D;
    const y = tf.conv2d(map, filter as tf.Tensor4D, 1, 'same');
    const perSubnet = tf.transpose(tf.reshape(y, [faces * tokens, subnets, outputs]), [1, 0, 2]);
    return tf.reshape(perSubnet, [subnets, faces, tokens, outputs]);
  }

  concat(parts: readonly tf.Tensor[]): tf.Tensor {
    return tf.concat([...parts], -1);
  }

  channelAttention(x: tf.Tensor, { fc1, fc2 }: ChannelAttentionWeights<tf.Tensor>): tf.Tensor {
    const pooled = tf.concat([this.meanTokens(x), this.maxTokens(x)], 1); // [S, 2B, F]
    const [ofMean, ofMax] = tf.split(this.linear(tf.relu(this.linear(pooled, fc1)), fc2), 2, 1) as [
      tf.Tensor,
      tf.Tensor,
    ];
    return tf.mul(x, tf.expandDims(tf.sigmoid(tf.add(ofMean, ofMax)), 2)); // [S, B, L, F]
  }

  maxTokens(x: tf.Tensor): tf.Tensor {
    return tf.max(x, -2);
  }

  batchNorm(x: tf.Tensor, weights: BatchNormWeights<tf.Tensor>): tf.Tensor {
    const perSubnet = (weight: tf.Tensor) => (weight.rank === 2 ? tf.expandDims(weight, 1) : weight); // [S, 1, F] or [C]
    const scale = tf.mul(weights.weight, tf.rsqrt(tf.add(weights.running_var, BATCH_NORM_EPSILON)));
    const centred = tf.sub(x, perSubnet(weights.running_mean));
    return tf.add(tf.mul(centred, perSubnet(scale)), perSubnet(weights.bias));
  }

  taskOutputs(x: tf.Tensor, { weight, bias }: LinearWeights<tf.Tensor>, rows: RowSubnets): tf.Tensor {
    const features = tf.gather(x, tf.tensor1d([...rows], 'int32')); // [R, B, F]
    const logits = tf.transpose(tf.sum(tf.mul(features, tf.expandDims(weight, 1)), 2)); // [B, R]
    return bias ? tf.add(logits, bias) : logits;
  }

  imageTokens(image: tf.Tensor): tf.Tensor {
    const [faces, channels, height, width] = image.shape as Sides;
    return tf.transpose(tf.reshape(image, [faces, channels, height * width]), [0, 2, 1]);
  }

  convolution(x: tf.Tensor, { weight, bias }: LinearWeights<tf.Tensor>, shape: ConvolutionShape): tf.Tensor {
    const [faces, , channels] = x.shape as Sides;
    const [outputs] = weight.shape as Sides;
    const { sides, stride, groups } = shape;
    const [height, width] = windowedSides(shape);
    const map = padded(tf.reshape(x, [faces, ...sides, channels]) as tf.Tensor4D, shape, 0);
    let y: tf.Tensor;
    if (groups === 1) {
      const filter = this.derived(weight, () => tf.transpose(weight, [2, 3, 1, 0])); // [kh, kw, C, O]
      y = tf.conv2d(map, filter as tf.Tensor4D, stride, 'valid');
    } else if (groups === channels) {
      // [C * m, 1, kh, kw] -> [kh, kw, C, m]
      const filter = this.derived(weight, () =>
        tf.reshape(tf.transpose(weight, [2, 3, 0, 1]), [...shape.kernel, channels, outputs / channels]),
      );
      y = tf.depthwiseConv2d(map, filter as tf.Tensor4D, stride, 'valid');
    } else {
      // tfjs has no convolution of groups: one for each.
      const filters = tf.split(tf.transpose(weight as tf.Tensor4D, [2, 3, 1, 0]), groups, 3);
      const maps = tf.split(map, groups, 3);
      const parts = filters.map((filter, g) =>
        tf.conv2d(maps[g] as tf.Tensor4D, filter as tf.Tensor4D, stride, 'valid'),
      );
      y = tf.concat(parts, 3);
    }
    const tokens = tf.reshape(y, [faces, height * width, outputs]);
    return bias ? tf.add(tokens, bias) : tokens;
  }

  prelu(x: tf.Tensor, slope: tf.Tensor): tf.Tensor {
    return tf.prelu(x, slope);
  }

  silu(x: tf.Tensor): tf.Tensor {
    return tf.mul(x, tf.sigmoid(x));
  }

  maxPool(x: tf.Tensor, window: SlidingWindow): tf.Tensor {
    const [faces, , channels] = x.shape as Sides;
    const [height, width] = windowedSides(window);
    const map = tf.reshape(x, [faces, ...window.sides, channels]) as tf.Tensor4D;
    const y = tf.maxPool(padded(map, window, LOWEST), [...window.kernel], window.stride, 'valid');
    return tf.reshape(y, [faces, height * width, channels]);
  }

  padChannels(x: tf.Tensor, channels: number): tf.Tensor {
    const width = x.shape[x.rank - 1] as number;
    return tf.pad(x, [...Array.from({ length: x.rank - 1 }, (): [number, number] => [0, 0]), [0, channels - width]]);
  }

  resizeBilinear(x: tf.Tensor, from: readonly [number, number], to: readonly [number, number]): tf.Tensor {
    const [faces, , channels] = x.shape as Sides;
    const map = tf.reshape(x, [faces, ...from, channels]) as tf.Tensor4D;
    return tf.reshape(tf.image.resizeBilinear(map, [...to], false, true), [faces, to[0] * to[1], channels]);
  }

  squeezeExcite(x: tf.Tensor, { reduce, expand }: SqueezeExciteWeights<tf.Tensor>): tf.Tensor {
    const gate = tf.sigmoid(this.linear(this.silu(this.linear(this.meanTokens(x), reduce)), expand)); // [B, C]
    return tf.mul(x, tf.expandDims(gate, 1));
  }

  pyramidMax(x: tf.Tensor, [height, width]: readonly [number, number], levels: number): tf.Tensor {
    const [faces, , channels] = x.shape as Sides;
    const map = tf.reshape(x, [faces, height, width, channels]);
    const maxima = pyramidBlocks([height, width], levels).map(({ top, bottom, left, right }) =>
      tf.max(tf.slice(map, [0, top, left, 0], [faces, bottom - top, right - left, channels]), [1, 2]),
    );
    return tf.concat(maxima, 1); // [B, blocks * C]
  }

  dropPath(x: tf.Tensor): tf.Tensor {
    return x;
  }

  dropout(x: tf.Tensor): tf.Tensor {
    return x;
  }
}

/** Below every value that a network computes; tf.pad cannot write minus infinity on every backend. */
const LOWEST = -3.4e38;

/** The map with its window's padding around it; tfjs' own padding is symmetric, or as TensorFlow counts it. */
function padded(
  map: tf.Tensor4D,
  { padding: { top, right, bottom, left } }: SlidingWindow,
  value: number,
): tf.Tensor4D {
  if (top + right + bottom + left === 0) return map;
  return tf.pad4d(
    map,
    [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    value,
  );
}

/** x times `matrix` plus `bias` over the last axis: [..., I] x [I, O] -> [..., O]. */
function affine(x: tf.Tensor, matrix: tf.Tensor, bias: tf.Tensor | undefined): tf.Tensor {
  const [inputs, outputs] = matrix.shape as [number, number];
  const rows = tf.reshape(x, [x.size / inputs, inputs]) as tf.Tensor2D;
  const y = tf.fused.matMul({ a: rows, b: matrix as tf.Tensor2D, ...(bias ? { bias } : {}) });
  return tf.reshape(y, [...x.shape.slice(0, -1), outputs]);
}

/** Softmax over the last axis of [rows, n]. */
function softmaxRows(x: tf.Tensor): tf.Tensor {
  const [rows, width] = x.shape as [number, number];
  if (rows <= SOFTMAX_ROWS) return tf.softmax(x);
  const parts = Array.from({ length: Math.ceil(rows / SOFTMAX_ROWS) }, (_, part) => {
    const start = part * SOFTMAX_ROWS;
    return tf.softmax(tf.slice(x, [start, 0], [Math.min(SOFTMAX_ROWS, rows - start), width]));
  });
  return tf.concat(parts, 0);
}
