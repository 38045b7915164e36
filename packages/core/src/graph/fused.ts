/** What executors compute at a time: recorded operations that one kernel can do together. Which ones, fuse.ts says. */
import type {
  ChannelAttentionWeights,
  ConvolutionShape,
  LayerNormWeights,
  LinearWeights,
  RowSubnets,
  SlidingWindow,
  SqueezeExciteWeights,
  WindowAttentionShape,
} from '../ops.js';
import type { HostTensor } from '../tensor.js';
import type { Node } from './graph.js';

/** What a product or convolution does to its sums at last, after bias and residual. */
export type Activation =
  | { readonly kind: 'none' | 'relu' | 'gelu' | 'silu' }
  | {
      readonly kind: 'prelu';
      /** [C], the slope of each channel below zero. */
      readonly slopes: HostTensor;
    };

/** What all fused nodes have in common. */
interface Fused {
  /** The recorded node whose value this computes; other fused nodes name it as their input. */
  readonly y: Node;
  /** Path of the weights that it applies, e.g. "layers.2.blocks.0.attn.qkv". */
  readonly label: string;
  /** Every weight that it reads. */
  readonly tensors: readonly HostTensor[];
}

/** What stands after the sums of a product or a convolution: activation(sums + bias + residual). */
export interface Epilogue {
  /** Of the shape of the result. */
  readonly residual?: Node;
  readonly activation: Activation;
}

/** activation(norm(x) W^T + b + residual): a linear layer with everything around it that one kernel can do. */
export interface FusedProduct extends Fused, Epilogue {
  readonly op: 'product';
  readonly x: Node;
  readonly weights: LinearWeights<HostTensor>;
  /** Normalizes the rows beforehand. */
  readonly layerNorm?: LayerNormWeights<HostTensor>;
  /** Side of the token map whose 2x2 squares are the rows. */
  readonly mergedSize?: number;
  /** Rows of all items, and of one subnet where they are stacked. */
  readonly rows: number;
}

/** activation(convolution(x) + b + residual) of a token map. */
export interface FusedConvolution extends Fused, Epilogue {
  readonly op: 'convolution';
  readonly x: Node;
  /** x is a picture's planes [B, C, H, W], not tokens [B, H*W, C]. */
  readonly planes: boolean;
  /** [O, C / groups, kernel height, kernel width] */
  readonly weights: LinearWeights<HostTensor>;
  readonly geometry: ConvolutionShape;
}

/** activation(x + residual) where no sums stand before it that one kernel could do it with. */
export interface FusedElementwise extends Fused, Epilogue {
  readonly op: 'elementwise';
  readonly x: Node;
}

/** A picture's planes as tokens, where another than one convolution reads them. */
export interface FusedImageTokens extends Fused {
  readonly op: 'imageTokens';
  readonly x: Node;
}

/** Patches to tokens, and the LayerNorm that follows. */
export interface FusedPatchEmbed extends Fused {
  readonly op: 'patchEmbed';
  readonly x: Node;
  readonly weights: LinearWeights<HostTensor>;
  readonly layerNorm: LayerNormWeights<HostTensor>;
}

/** LayerNorm of every token, then their mean. */
export interface FusedNormMean extends Fused {
  readonly op: 'normMean';
  readonly x: Node;
  readonly layerNorm: LayerNormWeights<HostTensor>;
}

/** The mean of all tokens. */
export interface FusedMeanTokens extends Fused {
  readonly op: 'meanTokens';
  readonly x: Node;
}

/** Maxima over sliding windows. */
export interface FusedMaxPool extends Fused {
  readonly op: 'maxPool';
  readonly x: Node;
  readonly geometry: SlidingWindow;
}

/** Channels of zeros appended. */
export interface FusedPadChannels extends Fused {
  readonly op: 'padChannels';
  readonly x: Node;
}

/** Bilinear resizing of a token map. */
export interface FusedResizeBilinear extends Fused {
  readonly op: 'resizeBilinear';
  readonly x: Node;
  readonly from: readonly [height: number, width: number];
  readonly to: readonly [height: number, width: number];
}

/** Squeeze and excite. */
export interface FusedSqueezeExcite extends Fused {
  readonly op: 'squeezeExcite';
  readonly x: Node;
  readonly weights: SqueezeExciteWeights<HostTensor>;
}

/** Maxima over a pyramid of blocks. */
export interface FusedPyramidMax extends Fused {
  readonly op: 'pyramidMax';
  readonly x: Node;
  readonly sides: readonly [height: number, width: number];
  readonly levels: number;
}

/** Attention inside (shifted) windows. */
export interface FusedWindowAttention extends Fused {
  readonly op: 'windowAttention';
  readonly x: Node;
  readonly table: HostTensor;
  readonly geometry: WindowAttentionShape;
}

/** Means over squares of a token map. */
export interface FusedAveragePool extends Fused {
  readonly op: 'averagePool';
  readonly x: Node;
  readonly size: number;
  readonly factor: number;
}

/** One level's convolutions of all subnets. */
export interface SubnetConvolution {
  readonly label: string;
  readonly x: Node;
  /** [S, outputs, C, 3, 3] */
  readonly weight: HostTensor;
  readonly size: number;
  /** First channel of the concatenation that it writes. */
  readonly offset: number;
}

/** The 3x3 convolutions of all subnets over every level, each writing its channels of the concatenation. */
export interface FusedSubnetConvolutions extends Fused {
  readonly op: 'subnetConvolutions';
  readonly parts: readonly SubnetConvolution[];
}

/** Channel attention, ReLU and maximum over the tokens. */
export interface FusedChannelAttentionPool extends Fused {
  readonly op: 'channelAttentionPool';
  readonly x: Node;
  readonly weights: ChannelAttentionWeights<HostTensor>;
}

/** The logits of all tasks. */
export interface FusedTaskOutputs extends Fused {
  readonly op: 'taskOutputs';
  readonly x: Node;
  readonly weights: LinearWeights<HostTensor>;
  readonly rows: RowSubnets;
}

/** One piece of work for an executor: recorded operations that it computes together. */
export type FusedNode =
  | FusedProduct
  | FusedConvolution
  | FusedElementwise
  | FusedImageTokens
  | FusedPatchEmbed
  | FusedNormMean
  | FusedMeanTokens
  | FusedMaxPool
  | FusedPadChannels
  | FusedResizeBilinear
  | FusedSqueezeExcite
  | FusedPyramidMax
  | FusedWindowAttention
  | FusedAveragePool
  | FusedSubnetConvolutions
  | FusedChannelAttentionPool
  | FusedTaskOutputs;

/** The values that a fused node reads, weights aside. */
export function inputsOf(fused: FusedNode): readonly Node[] {
  if (fused.op === 'subnetConvolutions') return fused.parts.map(({ x }) => x);
  return 'residual' in fused && fused.residual ? [fused.x, fused.residual] : [fused.x];
}
