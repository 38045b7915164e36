import { requireInput, requireNumbers } from '@swinface/geometry';

/**
 * Dimension letters used throughout:
 * B faces, H W side of a token map, L = H * W tokens, C channels, S stacked subnets, O outputs, F features, R logits.
 */
export interface WindowAttentionShape {
  /** Side of the square token map; a multiple of `window`. */
  readonly size: number;
  readonly window: number;
  readonly heads: number;
  /** Cyclic shift of the window grid in tokens; 0 for none. Tokens of different regions do not see each other. */
  readonly shift: number;
}

/** Zeros that a convolution or a pooling finds beyond each border of a token map, in tokens. */
export interface Padding {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

/** How a window of tokens slides over a token map; the result has {@link windowedSides}. */
export interface SlidingWindow {
  /** Height and width of the token map that is read. */
  readonly sides: readonly [height: number, width: number];
  /** Height and width of the window. */
  readonly kernel: readonly [height: number, width: number];
  /** Tokens from one window to the next, in both directions. */
  readonly stride: number;
  readonly padding: Padding;
}

/** A convolution's sliding window, and which inputs an output reads: all (1 group), or its own channel's (C groups). */
export interface ConvolutionShape extends SlidingWindow {
  readonly groups: number;
}

const isPair = (pair: unknown): boolean =>
  Array.isArray(pair) && pair.length === 2 && pair.every((side) => typeof side === 'number');

/** Sides of the token map that a sliding window makes. @throws {InvalidInputError} unless this is a window */
export function windowedSides(window: SlidingWindow): readonly [number, number] {
  requireNumbers('The argument "window"', window, ['stride']);
  const { sides, kernel, stride, padding } = window;
  requireInput(isPair(sides) && isPair(kernel), 'The argument "window"', 'two sides of map and kernel', window);
  requireNumbers('The padding of a window', padding, ['top', 'right', 'bottom', 'left']);
  const [height, width] = sides;
  const { top, right, bottom, left } = padding;
  return [
    Math.floor((height + top + bottom - kernel[0]) / stride) + 1,
    Math.floor((width + left + right - kernel[1]) / stride) + 1,
  ];
}

/** A block of a token map: rows `top` to `bottom`, columns `left` to `right`, ends left out. */
export interface PyramidBlock {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/**
 * The blocks of a spatial pyramid in the order of its features: for n = 1..levels, n x n blocks row by row. Where n does
 * not divide a side, neighbours overlap by one row or column, so that no block is empty as long as n is at most the side.
 *
 * @throws {InvalidInputError} if the sides are not two numbers, or `levels` is no whole number from 0 to 64
 */
export function pyramidBlocks(
  sides: readonly [height: number, width: number],
  levels: number,
): readonly PyramidBlock[] {
  requireInput(isPair(sides), 'The argument "sides"', 'height and width', sides);
  requireInput(Number.isInteger(levels) && levels >= 0 && levels <= 64, 'The argument "levels"', '0 to 64', levels);
  const [height, width] = sides;
  return Array.from({ length: levels }, (_, level) => level + 1).flatMap((n) =>
    Array.from({ length: n * n }, (_, block) => {
      const [i, j] = [Math.floor(block / n), block % n];
      return {
        top: Math.floor((i * height) / n),
        bottom: Math.ceil(((i + 1) * height) / n),
        left: Math.floor((j * width) / n),
        right: Math.ceil(((j + 1) * width) / n),
      };
    }),
  );
}

/** Which subnet of the stack each row of the task outputs reads. */
export type RowSubnets = readonly number[];

/** Scale and shift after normalization over the last axis. */
export interface LayerNormWeights<T> {
  readonly weight: T; // [C]
  readonly bias: T; // [C]
}

/** A linear map y = x W^T + b; also the patch convolution, whose weight is [C, 3, p, p]. */
export interface LinearWeights<T> {
  readonly weight: T; // [O, I], or [S, O, I] for stacked subnets
  readonly bias?: T; // [O], or [S, O]
}

/** Batch normalization with its running statistics. */
export interface BatchNormWeights<T> {
  readonly weight: T; // [C], or [S, F]
  readonly bias: T;
  readonly running_mean: T;
  readonly running_var: T;
}

/** The squeeze-and-excite MLP shared by the average- and the max-pooled vector, one per subnet. */
export interface ChannelAttentionWeights<T> {
  readonly fc1: LinearWeights<T>; // mlp.1 [S, F / reduction, F]
  readonly fc2: LinearWeights<T>; // mlp.3 [S, F, F / reduction]
}

/** Squeeze and excite (arXiv:1709.01507) as EfficientNet has it: C channels squeezed to R. */
export interface SqueezeExciteWeights<T> {
  readonly reduce: LinearWeights<T>; // [R, C]
  readonly expand: LinearWeights<T>; // [C, R]
}

/**
 * The operations that the networks are made of. `T` is whatever an executor computes with: a float64 array, a tf.Tensor,
 * a node of a GPU plan, a value name of an ONNX graph. Weights are `T`s too. Operations never change their inputs.
 */
export interface Ops<T> {
  /** Non-overlapping p x p patches times `weight` [C, 3, p, p], plus `bias`: [B, 3, H, W] -> [B, (H/p)*(W/p), C]. */
  patchEmbed(image: T, weights: LinearWeights<T>): T;
  /** Normalization over the last axis with biased variance and eps 1e-5, then scale and shift. */
  layerNorm(x: T, weights: LayerNormWeights<T>): T;
  /**
   * x W^T + b over the last axis. `weight` is [O, I] for any x [..., I];
   * or [S, O, I] with `bias` [S, O] for x [S, B, I], each subnet with its own matrix.
   */
  linear(x: T, weights: LinearWeights<T>): T;
  /** x * Phi(x) with the exact error function. */
  gelu(x: T): T;
  /** max(x, 0). */
  relu(x: T): T;
  /** Elementwise sum of two tensors of one shape. */
  add(a: T, b: T): T;
  /**
   * Multi-head attention inside (shifted) windows of a token map [B, H*W, 3C] -> [B, H*W, C].
   * The channels of `qkv` are [q | k | v], each split into heads; q is scaled by (C / heads)^-0.5.
   * `table` [(2 window - 1)^2, heads] holds the bias for (dy + window - 1) * (2 window - 1) + (dx + window - 1), d = query - key.
   */
  windowAttention(qkv: T, table: T, shape: WindowAttentionShape): T;
  /** Concatenates the pixels (0,0), (1,0), (0,1), (1,1) (row, column) of each 2x2: [B, size*size, C] -> [B, size*size/4, 4C]. */
  mergePatches(x: T, size: number): T;
  /** Mean over factor x factor squares of a token map: [B, size*size, C] -> [B, (size/factor)^2, C]. */
  averagePool(x: T, size: number, factor: number): T;
  /** Mean over the tokens: [B, L, C] -> [B, C]. */
  meanTokens(x: T): T;
  /** S 3x3 convolutions, padding 1, no bias, of one token map: [B, size*size, C] x `weight` [S, O, C, 3, 3] -> [S, B, size*size, O]. */
  conv3x3(x: T, weight: T, size: number): T;
  /** Concatenation over the last axis. */
  concat(parts: readonly T[]): T;
  /** x * sigmoid(mlp(mean over tokens) + mlp(max over tokens)), per subnet: [S, B, L, F] -> [S, B, L, F]. */
  channelAttention(x: T, weights: ChannelAttentionWeights<T>): T;
  /** Maximum over the tokens: [S, B, L, F] -> [S, B, F]. */
  maxTokens(x: T): T;
  /**
   * Batch normalization over the last axis with eps 2e-5: [B, C], or [S, B, F] with weights [S, F].
   * Running statistics at inference; a training executor uses the batch's own.
   */
  batchNorm(x: T, weights: BatchNormWeights<T>): T;
  /** All task outputs at once: logit r of a face is `weight[r]` . x[rows[r], face] + `bias[r]`: [S, B, F] -> [B, R]. */
  taskOutputs(x: T, weights: LinearWeights<T>, rows: RowSubnets): T;
  // ---- convolutional networks: token maps [B, H*W, C] of any sides ----

  /** A picture's planes as a token map: [B, C, H, W] -> [B, H*W, C]. */
  imageTokens(image: T): T;
  /**
   * Convolution (cross-correlation, as in every framework) with bias: [B, H*W, C] -> [B, H'*W', O].
   * `weight` is [O, C / groups, kernel height, kernel width]. A 1x1 convolution of stride 1 is `linear`.
   */
  convolution(x: T, weights: LinearWeights<T>, shape: ConvolutionShape): T;
  /** x where positive, `slope` [C] times x elsewhere, over the last axis. */
  prelu(x: T, slope: T): T;
  /** x * sigmoid(x). */
  silu(x: T): T;
  /** Maximum over sliding windows, padding left out: [B, H*W, C] -> [B, H'*W', C]. */
  maxPool(x: T, window: SlidingWindow): T;
  /** Appends channels of zeros: [B, L, C] -> [B, L, channels]. */
  padChannels(x: T, channels: number): T;
  /**
   * Bilinear resizing between pixel centres ("half pixel": output i reads at (i + 0.5) * from / to - 0.5, clamped to the
   * border): [B, H*W, C] -> [B, H'*W', C].
   */
  resizeBilinear(x: T, from: readonly [height: number, width: number], to: readonly [height: number, width: number]): T;
  /** x * sigmoid(expand(silu(reduce(mean over tokens)))): [B, L, C] -> [B, L, C]. */
  squeezeExcite(x: T, weights: SqueezeExciteWeights<T>): T;
  /**
   * Spatial pyramid of maxima (DMM-CNN, arXiv:2002.03683): the maxima over each of
   * {@link pyramidBlocks}: [B, H*W, C] -> [B, (1 + 4 + ... + levels^2) C], block by block.
   */
  pyramidMax(x: T, sides: readonly [height: number, width: number], levels: number): T;

  /** Identity at inference. `depth` in [0, 1] is the block's place in the network, by which training scales its drop rate. */
  dropPath(x: T, depth: number): T;
  /** Identity at inference. */
  dropout(x: T): T;
}

/** Epsilon of every LayerNorm of the network. */
export const LAYER_NORM_EPSILON = 1e-5;
/** Epsilon of every BatchNorm of the network. */
export const BATCH_NORM_EPSILON = 2e-5;
