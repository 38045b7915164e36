/**
 * SwinFace, top to bottom (Qin et al., arXiv:2308.11509, Fig. 2-4; names are the public checkpoint's).
 *
 *   image -> patch_embed -> layers.0 -> layers.1 -> layers.2 -> layers.3 -> norm -> mean -> feature -> embedding
 *                              |FM1        |FM2        |FM3        |FM4
 *                              +-----------+-----------+-----------+--> 11 x (fam -> tss) -> om -> 42 task outputs
 *
 * Written once over `Ops<T>`; nobody else knows the order of operations.
 *
 * B faces, H W side of a token map, C = embed channels, F = feature, S stacked subnets, R logits, w = window.
 */
import type { ModelConfig, OutputSelection } from './config.js';
import { levelShapes, stageSize } from './config.js';
import type { BatchNormWeights, ChannelAttentionWeights, LayerNormWeights, LinearWeights, Ops } from './ops.js';

// ---- weights: one record per module, generic over what an executor computes with (single operations' in ops.ts) ----

/** One Swin block, C channels. */
export interface BlockWeights<T> {
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
export interface PatchMergingWeights<T> {
  readonly norm: LayerNormWeights<T>; // [4C]
  readonly reduction: LinearWeights<T>; // [2C, 4C], no bias
}

/** One stage: its blocks, then its patch merging. */
export interface StageWeights<T> {
  readonly blocks: readonly BlockWeights<T>[];
  readonly downsample?: PatchMergingWeights<T>; // every stage but the last
}

/** The recognition head. */
export interface RecognitionWeights<T> {
  readonly norm: LayerNormWeights<T>;
  /** linear, BatchNorm, linear, BatchNorm as in the checkpoint; one affine linear once folded. */
  readonly feature: readonly (LinearWeights<T> | BatchNormWeights<T>)[];
}

/** The selected subnets, each tensor stacked along a leading axis S. */
export interface SubnetWeights<T> {
  readonly convs: readonly [T, T, T, T]; // level l: [S, split[l], C_l, 3, 3]
  readonly channel_attention: ChannelAttentionWeights<T>;
  readonly norm?: BatchNormWeights<T>; // [S, F]; absent once folded into tss.feature.0
  readonly tss: readonly [LinearWeights<T>, LinearWeights<T>]; // feature.0, feature.3: [S, F, F]
  readonly output_fcs: LinearWeights<T>; // all selected tasks' rows: [R, F]
}

/** Everything that a selection of outputs needs. */
export interface ModelWeights<T> {
  readonly patch_embed: { readonly proj: LinearWeights<T>; readonly norm: LayerNormWeights<T> };
  readonly layers: readonly StageWeights<T>[];
  readonly recognition?: RecognitionWeights<T>;
  readonly subnets?: SubnetWeights<T>;
}

/** What the network gives; heads that were not selected are absent. */
export interface ModelOutputs<T> {
  /** FM1..FM4. */
  readonly levels: readonly [T, T, T, T]; // [B, H*W, C]
  readonly embedding?: T; // [B, F]
  readonly logits?: T; // [B, R], laid out by OutputSelection.tasks
}

// ---- backbone ----

/** Swin block b of a stage: windowed attention (every odd block shifted by half a window) and an MLP, both residual. */
function swinBlock<T>(
  ops: Ops<T>,
  config: ModelConfig,
  weights: BlockWeights<T>,
  x: T,
  stage: number,
  block: number,
  depth: number,
): T {
  const size = stageSize(config, stage);
  const { window } = config;
  const shift = block % 2 === 1 && size > window ? Math.floor(window / 2) : 0;
  const heads = config.heads[stage] as number;

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

/** The Swin Transformer backbone: image -> FM1, FM2, FM3, FM4. */
function backbone<T>(ops: Ops<T>, config: ModelConfig, weights: ModelWeights<T>, image: T): [T, T, T, T] {
  const blocks = config.depths.reduce((sum, depth) => sum + depth, 0);
  const levels: T[] = [];
  let done = 0;
  let x = ops.layerNorm(ops.patchEmbed(image, weights.patch_embed.proj), weights.patch_embed.norm); // [B, 56*56, C]
  weights.layers.forEach((layer, stage) => {
    layer.blocks.forEach((block, index) => {
      x = swinBlock(ops, config, block, x, stage, index, done++ / Math.max(1, blocks - 1));
    });
    if (layer.downsample) x = patchMerging(ops, layer.downsample, x, stageSize(config, stage));
    levels.push(x);
  });
  return levels as [T, T, T, T]; // [B, 28*28, 2C] [B, 14*14, 4C] [B, 7*7, 8C] [B, 7*7, 8C]
}

// ---- heads ----

/** Identity: norm, mean over the tokens, then `feature` (linear, BatchNorm, linear, BatchNorm). */
function recognition<T>(ops: Ops<T>, weights: RecognitionWeights<T>, fm4: T): T {
  let x = ops.meanTokens(ops.layerNorm(fm4, weights.norm)); // [B, 8C]
  for (const layer of weights.feature) {
    x = 'running_var' in layer ? ops.batchNorm(x, layer) : ops.linear(x, layer);
  }
  return x; // [B, F]
}

/** Feature attention module, task-specific subnets and outputs (Fig. 3 and 4) of all selected subnets at once. */
function analysis<T>(ops: Ops<T>, selection: OutputSelection, weights: SubnetWeights<T>, levels: readonly T[]): T {
  const { config } = selection;
  const shapes = levelShapes(config);
  const parts = weights.convs.map((weight, level) => {
    const [, size] = shapes[level] as readonly [number, number];
    const x = levels[level] as T;
    const pooled = size > config.window ? ops.averagePool(x, size, size / config.window) : x; // [B, 7*7, C_l]
    return ops.conv3x3(pooled, weight, config.window); // [S, B, 7*7, split_l]
  });
  let x = ops.channelAttention(ops.concat(parts), weights.channel_attention); // [S, B, 7*7, F]
  x = ops.maxTokens(ops.relu(x)); // [S, B, F]
  if (weights.norm) x = ops.batchNorm(x, weights.norm);
  for (const layer of weights.tss) x = ops.dropout(ops.relu(ops.linear(x, layer))); // [S, B, F]
  const rows = selection.tasks.flatMap(({ task, stack }) => Array<number>(task.logits).fill(stack));
  return ops.taskOutputs(x, weights.output_fcs, rows); // [B, R]
}

// ---- the whole ----

/** SwinFace forward: RGB faces in [-1, 1], [B, 3, 112, 112] -> embedding and logits. */
export function swinFace<T>(
  ops: Ops<T>,
  selection: OutputSelection,
  weights: ModelWeights<T>,
  image: T,
): ModelOutputs<T> {
  const levels = backbone(ops, selection.config, weights, image);
  return {
    levels,
    ...(weights.recognition ? { embedding: recognition(ops, weights.recognition, levels[3]) } : {}),
    ...(weights.subnets ? { logits: analysis(ops, selection, weights.subnets, levels) } : {}),
  };
}
