import type { BatchNormWeights, LayerNormWeights, LinearWeights, Ops } from '../ops.js';
import type { Recipe } from './network.js';

/** A square feature map [B, side^2, channels]. */
export interface Level {
  readonly channels: number;
  readonly side: number;
}

/** The part of a network that turns the picture into feature maps, coarser and coarser. */
export interface Trunk {
  /** Its feature maps FM1, FM2 .. */
  readonly levels: readonly Level[];
  /** Record of recipes; a weight's path begins with its key here. */
  readonly weights: object;
  forward<T>(ops: Ops<T>, weight: (path: string) => T, image: T): readonly T[];
  /** Asks the checkpoint for what turns the last feature map into an identity. */
  recognition(): RecognitionWeights<Recipe>;
}

/** The recognition branch, in the form of the trunk. */
export type RecognitionWeights<T> = SwinRecognitionWeights<T> | MobileFaceRecognitionWeights<T>;

/** LayerNorm, mean over the tokens, then FC-BN-FC-BN as in the paper; one affine FC once folded. */
export interface SwinRecognitionWeights<T> {
  readonly norm: LayerNormWeights<T>;
  readonly feature: readonly (LinearWeights<T> | BatchNormWeights<T>)[];
}

/** A depthwise convolution over the whole map, then an FC. */
export interface MobileFaceRecognitionWeights<T> {
  readonly pool: LinearWeights<T>; // [C_4, 1, side, side]
  readonly embedding: LinearWeights<T>; // [embedding, C_4]
}
