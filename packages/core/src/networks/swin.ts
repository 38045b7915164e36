/**
 * The Swin Transformer as a trunk (Liu et al., arXiv:2103.14030, Fig. 3; names are the SwinFace checkpoint's):
 *
 *   image -> patch_embed -> layers.0 -> layers.1 -> layers.2 -> layers.3
 *                              |FM1        |FM2        |FM3        |FM4
 *
 * B faces, H W side of a token map, C = embed channels, w = window.
 */
import { at } from '../at.js';
import { embeddingLength, type SwinConfig } from '../config.js';
import type { LayerNormWeights, LinearWeights, Ops } from '../ops.js';
import type { Checkpoint } from './checkpoint.js';
import { bind, type Recipe } from './network.js';
import type { SwinRecognitionWeights, Trunk } from './trunk.js';

// ---- weights, generic over what an executor computes with ----

/** One Swin block, C channels. */
interface BlockWeights<T> {
  readonly norm1: LayerNormWeights<T>;
  readonly attn: {
    readonly relative_position_bias_table: T; // [(2w-1)^2, heads]
    readonly qkv: LinearWeights<T>; // [3C, C]
    readonly proj: LinearWeights<T>; // [C, C]
  };
  readonly norm2: LayerNormWeights<T>;
  readonly mlp: {
    readonly fc1: LinearWeights<T>; // [4C, C]
    readonly fc2: LinearWeights<T>; // [C, 4C]
  };
}

/** Patch merging at the end of a stage of C channels. */
interface PatchMergingWeights<T> {
  readonly norm: LayerNormWeights<T>; // [4C]
  readonly reduction: LinearWeights<T>; // [2C, 4C], no bias
}

/** One stage: its blocks, then its patch merging. */
interface StageWeights<T> {
  readonly blocks: readonly BlockWeights<T>[];
  readonly downsample?: PatchMergingWeights<T>; // every stage but the last
}

interface SwinWeights<T> {
  readonly patch_embed: { readonly proj: LinearWeights<T>; readonly norm: LayerNormWeights<T> };
  readonly layers: readonly StageWeights<T>[];
}

/** Channels of stage s (0..3) before its patch merging. */
const stageWidth = (config: SwinConfig, stage: number): number => config.embed * 2 ** stage;

/** Side of the token map of stage s (0..3) before its patch merging. */
const stageSize = (config: SwinConfig, stage: number): number => config.image / config.patch / 2 ** stage;

function swinWeights(config: SwinConfig, checkpoint: Checkpoint): SwinWeights<Recipe> {
  const { embed, patch, depths, heads, mlp, window } = config;
  return {
    patch_embed: {
      proj: checkpoint.biased('backbone.patch_embed.proj', [embed, 3, patch, patch]),
      norm: checkpoint.layerNorm('backbone.patch_embed.norm', embed),
    },
    layers: depths.map((depth, stage) => {
      const width = stageWidth(config, stage);
      const layer = `backbone.layers.${stage}`;
      const blocks = Array.from({ length: depth }, (_, b): BlockWeights<Recipe> => {
        const block = `${layer}.blocks.${b}`;
        return {
          norm1: checkpoint.layerNorm(`${block}.norm1`, width),
          attn: {
            relative_position_bias_table: checkpoint.tensor(`${block}.attn.relative_position_bias_table`, [
              (2 * window - 1) ** 2,
              at(heads, stage),
            ]),
            qkv: checkpoint.biased(`${block}.attn.qkv`, [3 * width, width]),
            proj: checkpoint.biased(`${block}.attn.proj`, [width, width]),
          },
          norm2: checkpoint.layerNorm(`${block}.norm2`, width),
          mlp: {
            fc1: checkpoint.biased(`${block}.mlp.fc1`, [mlp * width, width]),
            fc2: checkpoint.biased(`${block}.mlp.fc2`, [width, mlp * width]),
          },
        };
      });
      if (stage === depths.length - 1) return { blocks };
      const reduction = checkpoint.unbiased(`${layer}.downsample.reduction`, [2 * width, 4 * width]);
      return { blocks, downsample: { norm: checkpoint.layerNorm(`${layer}.downsample.norm`, 4 * width), reduction } };
    }),
  };
}

// ---- forward ----

/** Swin block b of a stage: windowed attention (every odd block shifted by half a window) and an MLP, both residual. */
function swinBlock<T>(
  ops: Ops<T>,
  config: SwinConfig,
  weights: BlockWeights<T>,
  x: T,
  stage: number,
  block: number,
  depth: number,
): T {
  const size = stageSize(config, stage);
  const { window } = config;
  const shift = block % 2 === 1 && size > window ? Math.floor(window / 2) : 0;
  const heads = at(config.heads, stage);

  const qkv = ops.linear(ops.layerNorm(x, weights.norm1), weights.attn.qkv); // [B, H*W, 3C]
  const mixed = ops.windowAttention(qkv, weights.attn.relative_position_bias_table, { size, window, heads, shift }); // [B, H*W, C]
  x = ops.add(x, ops.dropPath(ops.linear(mixed, weights.attn.proj), depth)); // [B, H*W, C]

  const hidden = ops.gelu(ops.linear(ops.layerNorm(x, weights.norm2), weights.mlp.fc1)); // [B, H*W, 4C]
  return ops.add(x, ops.dropPath(ops.linear(hidden, weights.mlp.fc2), depth)); // [B, H*W, C]
}

/** Patch merging: 2x2 tokens become one of twice the width. */
function patchMerging<T>(ops: Ops<T>, weights: PatchMergingWeights<T>, x: T, size: number): T {
  return ops.linear(ops.layerNorm(ops.mergePatches(x, size), weights.norm), weights.reduction); // [B, H*W/4, 2C]
}

function levels<T>(ops: Ops<T>, config: SwinConfig, weights: SwinWeights<T>, image: T): readonly T[] {
  const blocks = config.depths.reduce((sum, depth) => sum + depth, 0);
  const maps: T[] = [];
  let done = 0;
  let x = ops.layerNorm(ops.patchEmbed(image, weights.patch_embed.proj), weights.patch_embed.norm); // [B, 56*56, C]
  weights.layers.forEach((layer, stage) => {
    layer.blocks.forEach((block, index) => {
      x = swinBlock(ops, config, block, x, stage, index, done++ / Math.max(1, blocks - 1));
    });
    if (layer.downsample) x = patchMerging(ops, layer.downsample, x, stageSize(config, stage));
    maps.push(x);
  });
  return maps; // [B, 28*28, 2C] [B, 14*14, 4C] [B, 7*7, 8C] [B, 7*7, 8C]
}

function recognitionWeights(config: SwinConfig, checkpoint: Checkpoint): SwinRecognitionWeights<Recipe> {
  const channels = stageWidth(config, config.depths.length - 1);
  const length = embeddingLength(config);
  return {
    norm: checkpoint.layerNorm('backbone.norm', channels),
    feature: [
      checkpoint.unbiased('backbone.feature.0', [channels, channels]),
      checkpoint.batchNorm('backbone.feature.1', channels),
      checkpoint.unbiased('backbone.feature.2', [length, channels]),
      checkpoint.batchNorm('backbone.feature.3', length),
    ],
  };
}

/** The trunk of the paper's SwinFace and its smaller siblings. */
export function swin(config: SwinConfig, checkpoint: Checkpoint): Trunk {
  const weights = swinWeights(config, checkpoint);
  return {
    levels: [1, 2, 3, 3].map((stage) => ({ channels: stageWidth(config, stage), side: stageSize(config, stage) })),
    weights,
    forward: (ops, weight, image) => levels(ops, config, bind(weights, weight), image),
    recognition: () => recognitionWeights(config, checkpoint),
  };
}
