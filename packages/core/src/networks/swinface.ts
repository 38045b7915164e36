/**
 * SwinFace, top to bottom (Qin et al., arXiv:2308.11509, Fig. 2-4; names are the public checkpoint's).
 *
 *   image -> trunk ----------------------------------------> FM4 -> norm -> mean -> FC-BN-FC-BN -> embedding
 *             |FM1        |FM2        |FM3        |FM4
 *             +-----------+-----------+-----------+--> 11 x (multi-level fusion -> channel attention -> subnet) -> 42 tasks
 *
 * B faces, H W side of a token map, C_l channels of FMl, F = feature, S stacked subnets, R logits.
 */
import { at } from '../at.js';
import { embeddingLength, type ModelConfig, type OutputSelection, placedTasks } from '../config.js';
import type { BatchNormWeights, ChannelAttentionWeights, LinearWeights, Ops } from '../ops.js';
import { Checkpoint, joinRows, stack, zip } from './checkpoint.js';
import { foldIntoNext, foldSequence } from './fold.js';
import { padEvenly } from './layers.js';
import { bind, type Network, type Recipe, recipesOf } from './network.js';
import type { Level, RecognitionWeights, Trunk } from './trunk.js';
import { trunkOf } from './trunks.js';

// ---- weights, generic over what an executor computes with (single operations' in ops.ts) ----

/** The selected subnets, each tensor stacked along a leading axis S. */
export interface SubnetWeights<T> {
  readonly convs: readonly T[]; // level l: [S, split[l], C_l, 3, 3]
  readonly channel_attention: ChannelAttentionWeights<T>;
  readonly norm?: BatchNormWeights<T>; // [S, F]; absent once folded into tss.0
  readonly tss: readonly [LinearWeights<T>, LinearWeights<T>]; // feature.0, feature.3: [S, F, F]
  readonly output_fcs: LinearWeights<T>; // all selected tasks' rows: [R, F]
}

/** Everything behind the trunk that a selection of outputs needs. */
export interface HeadWeights<T> {
  readonly recognition?: RecognitionWeights<T>;
  readonly subnets?: SubnetWeights<T>;
}

function subnetWeights(
  { config, subnets, tasks }: OutputSelection,
  checkpoint: Checkpoint,
  levels: readonly Level[],
): SubnetWeights<Recipe> {
  const { feature, reduction, split } = config;
  const squeezed = feature / reduction;
  const attention = subnets.map((s) => ({
    convs: levels.map(({ channels }, level) =>
      checkpoint.tensor(`fam.nets.${s}.conv.convs.${level}.weight`, [at(split, level), channels, 3, 3]),
    ),
    channel_attention: {
      fc1: checkpoint.biased(`fam.nets.${s}.channel_attention.mlp.1`, [squeezed, feature]),
      fc2: checkpoint.biased(`fam.nets.${s}.channel_attention.mlp.3`, [feature, squeezed]),
    },
    norm: checkpoint.batchNorm(`fam.nets.${s}.norm`, feature),
  }));
  const specific = subnets.map(
    (s) =>
      [
        checkpoint.biased(`tss.nets.${s}.feature.0`, [feature, feature]),
        checkpoint.biased(`tss.nets.${s}.feature.3`, [feature, feature]),
      ] as const,
  );
  // Asked for in the checkpoint's order, joined in the order of the logits.
  const inOrder = [...tasks].sort((a, b) => a.index - b.index);
  const heads = new Map(
    inOrder.map((t) => [t, checkpoint.biased(`om.output_fcs.${t.index}`, [t.task.logits, feature])] as const),
  );
  const outputs = tasks.flatMap((task) => heads.get(task) ?? []);
  return { ...zip(attention, stack), tss: zip(specific, stack), output_fcs: zip(outputs, joinRows) };
}

// What is affine at inference is multiplied out: the recognition branch is one FC then, the subnets' BatchNorm is in tss.0.

const foldRecognition = (weights: RecognitionWeights<Recipe>): RecognitionWeights<Recipe> =>
  'feature' in weights ? { norm: weights.norm, feature: [foldSequence(weights.feature)] } : weights;

function foldSubnets({ norm, tss: [first, second], ...others }: SubnetWeights<Recipe>): SubnetWeights<Recipe> {
  return { ...others, tss: [norm ? foldIntoNext(norm, first) : first, second] };
}

// ---- recognition ----

/** Identity, by the branch of the trunk's own form. */
function recognition<T>(ops: Ops<T>, weights: RecognitionWeights<T>, fm4: T, { side, channels }: Level): T {
  if ('pool' in weights) {
    const whole = { sides: [side, side], kernel: [side, side], stride: 1, padding: padEvenly(0) } as const;
    const pooled = ops.convolution(fm4, weights.pool, { ...whole, groups: channels }); // [B, 1, C_4]
    return ops.linear(ops.meanTokens(pooled), weights.embedding); // [B, embedding]
  }
  let x = ops.meanTokens(ops.layerNorm(fm4, weights.norm)); // [B, C_4]
  for (const layer of weights.feature) {
    x = 'running_var' in layer ? ops.batchNorm(x, layer) : ops.linear(x, layer);
  }
  return x; // [B, embedding]
}

// ---- face analysis: all selected subnets at once ----

/** The operations behind the trunk, recognition apart. */
type SubnetOps<T> = Pick<
  Ops<T>,
  | 'averagePool'
  | 'conv3x3'
  | 'concat'
  | 'channelAttention'
  | 'relu'
  | 'maxTokens'
  | 'batchNorm'
  | 'linear'
  | 'dropout'
  | 'taskOutputs'
>;

/** Multi-level fusion (Fig. 3): each level brings its share of the F channels, through a 3x3 convolution of its own. */
export function multiLevelFusion<T>(
  ops: SubnetOps<T>,
  weights: SubnetWeights<T>,
  maps: readonly T[],
  levels: readonly Level[],
): T {
  const coarsest = Math.min(...levels.map(({ side }) => side));
  const parts = maps.map((map, l) => {
    const { side } = at(levels, l);
    const pooled = side > coarsest ? ops.averagePool(map, side, side / coarsest) : map; // [B, 7*7, C_l]
    return ops.conv3x3(pooled, at(weights.convs, l), coarsest); // [S, B, 7*7, split_l]
  });
  return ops.concat(parts); // [S, B, 7*7, F]
}

/** Channel attention (Fig. 4): which of the fused channels a subnet listens to. */
export function channelAttention<T>(ops: SubnetOps<T>, weights: SubnetWeights<T>, fused: T): T {
  return ops.relu(ops.channelAttention(fused, weights.channel_attention)); // [S, B, 7*7, F]
}

/** The features of each subnet: the strongest response anywhere on the face, then two FCs of its own. */
export function taskSubnets<T>(ops: SubnetOps<T>, weights: SubnetWeights<T>, attended: T): T {
  let x = ops.maxTokens(attended); // [S, B, F]
  // The checkpoint has a BatchNorm here that the paper does not mention.
  if (weights.norm) x = ops.batchNorm(x, weights.norm); // [S, B, F]
  for (const layer of weights.tss) x = ops.dropout(ops.relu(ops.linear(x, layer))); // [S, B, F]
  return x;
}

/** One FC for each task, on the features of its subnet. */
export function taskOutputs<T>(
  ops: SubnetOps<T>,
  { tasks }: OutputSelection,
  weights: SubnetWeights<T>,
  features: T,
): T {
  const rows = tasks.flatMap(({ task, stack }) => Array<number>(task.logits).fill(stack));
  return ops.taskOutputs(features, weights.output_fcs, rows); // [B, R]
}

// ---- the whole ----

/** Everything that the network computes behind its trunk (Fig. 2). */
function forward<T>(
  ops: Ops<T>,
  { selection, trunk }: Plan,
  { recognition: identity, subnets }: HeadWeights<T>,
  maps: readonly T[],
  levels: readonly Level[] = trunk.levels,
): Record<string, T> {
  const outputs: Record<string, T> = {};
  const last = maps.length - 1;
  if (identity) outputs.embedding = recognition(ops, identity, at(maps, last), at(trunk.levels, last));
  if (subnets) {
    const attended = channelAttention(ops, subnets, multiLevelFusion(ops, subnets, maps, levels));
    outputs.logits = taskOutputs(ops, selection, subnets, taskSubnets(ops, subnets, attended));
  }
  return outputs;
}

/** What does not depend on whether weights are folded. */
interface Plan {
  readonly selection: OutputSelection;
  readonly trunk: Trunk;
  readonly tensors: Checkpoint['tensors'];
  /** Whether FM1..FM4 are outputs, too. */
  readonly keepLevels: boolean;
}

/** SwinFace for a selection of outputs, with what it takes to run its heads alone. */
export interface SwinFace extends Network {
  readonly folded: SwinFace;
  readonly selection: OutputSelection;
  /** Its feature maps FM1..FM4. */
  readonly levels: readonly Level[];
  /** The weights behind the trunk. */
  heads<T>(weight: (path: string, recipe: Recipe) => T): HeadWeights<T>;
  /**
   * The outputs without the trunk, whose feature maps are there already.
   *
   * @param weight gives the weight of a path; the trunk's are not asked for
   * @param levels what the maps are, where they were averaged to the coarsest side already, as the subnets average them
   */
  behindTrunk<T>(
    ops: Ops<T>,
    weight: (path: string) => T,
    maps: readonly T[],
    levels?: readonly Level[],
  ): Readonly<Record<string, T>>;
}

/** What `networkOf` gives besides the selected outputs. */
export interface SwinFaceOptions {
  /** Also the feature maps FM1..FM4, as outputs `level1` .. `level4` [B, H*W, C]. */
  readonly levels?: boolean;
}

/**
 * SwinFace: RGB faces in [-1, 1], [B, 3, 112, 112] -> `embedding` [B, embedding] and `logits` [B, R], as far as they
 * are selected. Columns of the logits are laid out by `selection.tasks`.
 */
export function swinFace(selection: OutputSelection, { levels: keepLevels = false }: SwinFaceOptions = {}): SwinFace {
  const { config } = selection;
  const checkpoint = new Checkpoint();
  const trunk = trunkOf(config, checkpoint);
  const identity = selection.recognition ? trunk.recognition() : undefined;
  const subnets = selection.tasks.length > 0 ? subnetWeights(selection, checkpoint, trunk.levels) : undefined;
  const heads = (fold: boolean): HeadWeights<Recipe> => ({
    ...(identity ? { recognition: fold ? foldRecognition(identity) : identity } : {}),
    ...(subnets ? { subnets: fold ? foldSubnets(subnets) : subnets } : {}),
  });
  const plan = { selection, trunk, tensors: checkpoint.tensors, keepLevels };
  return network(plan, heads(false), network(plan, heads(true)));
}

function network(plan: Plan, heads: HeadWeights<Recipe>, folded?: SwinFace): SwinFace {
  const { selection, trunk, tensors, keepLevels } = plan;
  const { config, recognition, tasks, logits } = selection;
  const levelName = (level: number) => `level${level + 1}`;
  const kept = keepLevels ? trunk.levels : [];
  return {
    name: config.name,
    input: { channels: 3, height: config.image, width: config.image },
    outputs: [
      ...(recognition ? [{ name: 'embedding', shape: [embeddingLength(config)] }] : []),
      ...(tasks.length > 0 ? [{ name: 'logits', shape: [logits] }] : []),
      ...kept.map(({ channels, side }, level) => ({ name: levelName(level), shape: [side * side, channels] })),
    ],
    tensors,
    weights: recipesOf({ ...trunk.weights, ...heads }),
    get folded() {
      return folded ?? this;
    },
    metadata: { outputs: JSON.stringify(tasks.map(({ task, offset }) => ({ ...task, offset }))) },
    partOf: partOf(config),
    selection,
    levels: trunk.levels,
    heads: (weight) => bind(heads, weight),
    behindTrunk: (ops, weight, maps, levels) => forward(ops, plan, bind(heads, weight), maps, levels),
    forward: (ops, weight, image) => {
      const maps = trunk.forward(ops, weight, image);
      const outputs = forward(ops, plan, bind(heads, weight), maps);
      for (const [level, map] of maps.entries()) if (keepLevels) outputs[levelName(level)] = map;
      return outputs;
    },
  };
}

/** The trunk, the recognition branch, each subnet with its tasks. */
function partOf(config: ModelConfig): (tensor: string) => string {
  const subnetOfTask = new Map(placedTasks(config).map(({ index, subnet }) => [String(index), subnet]));
  return (tensor) => {
    const [group, , index = ''] = tensor.split('.');
    if (group === 'backbone')
      return /^backbone\.(norm|feature|pool|embedding)\./.test(tensor) ? 'recognition' : 'trunk';
    return `subnet ${group === 'om' ? subnetOfTask.get(index) : index}`;
  };
}
