import { at as item } from '../at.js';
import { type ModelConfig, selectOutputs, type Task } from '../config.js';
import { InvalidInputError } from '../errors.js';
import { SubnetOps } from '../executors/reference/subnet-ops.js';
import { at, generate, type ReferenceTensor, toReference } from '../executors/reference/tensor.js';
import { networkOf } from '../networks/index.js';
import { checkTensor, type WeightMap } from '../networks/network.js';
import {
  channelAttention,
  multiLevelFusion,
  type SubnetWeights,
  type SwinFace,
  taskOutputs,
  taskSubnets,
} from '../networks/swinface.js';
import { sizeOf } from '../tensor.js';

/** Why the network answers a task as it does, for one face. */
export interface Explanation {
  readonly task: string;
  /** The answer that is explained: the winning class, "yes" of a binary task, or the task itself where it is a number. */
  readonly answer: string;
  /**
   * How strongly the task's subnet responds to FM1, FM2, FM3 and FM4: the mean of its pooled features that come from
   * each level (SwinFace, Fig. 6).
   */
  readonly levels: readonly [number, number, number, number];
  /** Side of the map. */
  readonly side: number;
  /**
   * Class activation over the aligned crop, [side, side] row by row: what speaks for the answer, 1 where most; all 0
   * where nothing does.
   */
  readonly map: Float32Array;
}

/** FM1..FM4 of one face, each [H*W, C]. */
type Levels = readonly [Float32Array, Float32Array, Float32Array, Float32Array];

/**
 * Explains a task's answer from the feature maps that an engine was asked to keep: each place's features, weighted by
 * what the pooled feature contributes to the answer (class activation mapping, with the exact gradient of the layers
 * behind the pooling). The trunk, which is nearly all of the work, has run by then.
 *
 * @param weights by checkpoint name
 * @param levels FM1..FM4 of one face, each [H*W, C]
 * @throws {InvalidInputError} if the network has no such task, or the levels are of another network
 * @throws {WeightsInvalidError} if a tensor is missing
 */
export function explainTask(config: ModelConfig, weights: WeightMap, levels: Levels, task: string): Explanation {
  const head = new TaskHead(config, weights, task);
  const attended = head.attend(levels);
  const { pooled, logits, gradient } = head.respond(attended);
  const column = explainedColumn(head.task, logits);
  const slopes = gradient(column);
  const width = slopes.length;
  const map = new Float32Array(attended.data.length / width);
  for (let token = 0; token < map.length; token++) {
    const sum = slopes.reduce((total, slope, c) => total + slope * at(attended, token * width + c), 0);
    map[token] = Math.max(0, sum);
  }
  const most = map.reduce((a, b) => Math.max(a, b), 0);
  return {
    task,
    answer: head.task.kind === 'softmax' ? (head.task.labels?.[column] ?? task) : task,
    levels: levelMeans(config, pooled),
    side: Math.sqrt(map.length),
    map: most > 0 ? map.map((value) => value / most) : map,
  };
}

/** "Yes" of a binary task; else the winner. */
function explainedColumn({ labels }: Task, logits: Float64Array): number {
  if (labels?.length === 2 && labels[1] === 'yes') return 1;
  return logits.indexOf(Math.max(...logits));
}

function levelMeans({ split }: ModelConfig, pooled: Float64Array): [number, number, number, number] {
  let from = 0;
  const mean = (width: number): number => {
    const part = pooled.subarray(from, from + width);
    from += width;
    return part.reduce((sum, value) => sum + value, 0) / width;
  };
  const [first, second, third, fourth] = split;
  return [mean(first), mean(second), mean(third), mean(fourth)];
}

/** What a task's subnet makes of its features. */
export interface Response {
  /** Greatest of each feature over the tokens, [F]. */
  readonly pooled: Float64Array;
  readonly logits: Float64Array;
  /** How much each pooled feature adds to a logit, [F]. */
  gradient(column: number): Float64Array;
}

/** The network as it is, which remembers what stands at the kinks: behind the pooling it is linear between them. */
class WatchingOps extends SubnetOps {
  readonly pooled: ReferenceTensor[] = [];
  readonly active: ReferenceTensor[] = [];

  override maxTokens(x: ReferenceTensor): ReferenceTensor {
    const y = super.maxTokens(x);
    this.pooled.push(y);
    return y;
  }

  override relu(x: ReferenceTensor): ReferenceTensor {
    const y = super.relu(x);
    this.active.push(y);
    return y;
  }
}

/** The network behind its trunk, for one task. */
export class TaskHead {
  readonly task: Task;
  readonly #network: SwinFace;
  readonly #weights: SubnetWeights<ReferenceTensor>;

  /**
   * @throws {InvalidInputError} if the network has no such task
   * @throws {WeightsInvalidError} if a tensor is missing
   */
  constructor(config: ModelConfig, weights: WeightMap, name: string) {
    const network = networkOf(selectOutputs(config, [name])).folded;
    const tensor = (source: string) => checkTensor(network, source, weights.get(source));
    const { subnets } = network.heads((_, recipe) => toReference(recipe.make(tensor)));
    const [selected] = network.selection.tasks;
    if (!subnets || !selected) {
      throw new InvalidInputError(`${name} is no task that could be explained.`, { actual: name });
    }
    this.task = selected.task;
    this.#network = network;
    this.#weights = subnets;
  }

  /**
   * The subnet's features after channel attention, [1, 1, L, F].
   *
   * @throws {InvalidInputError} if the levels are of another network
   */
  attend(levels: Levels): ReferenceTensor {
    const maps = this.#network.levels.map(({ side, channels }, l): ReferenceTensor => {
      const [data, shape] = [levels[l], [1, side * side, channels]];
      if (data?.length === sizeOf(shape)) return toReference({ shape, data });
      throw new InvalidInputError(`FM${l + 1} has the wrong size.`, {
        expected: `${sizeOf(shape)} values`,
        actual: String(data?.length),
      });
    });
    const ops = new SubnetOps();
    return channelAttention(ops, this.#weights, multiLevelFusion(ops, this.#weights, maps, this.#network.levels));
  }

  /** What follows the attended features, [1, 1, L, F] for any number of tokens L. */
  respond(attended: ReferenceTensor): Response {
    const ops = new WatchingOps();
    const features = taskSubnets(ops, this.#weights, attended);
    const pooled = item(ops.pooled, 0);
    const { tss, output_fcs } = this.#weights;
    return {
      pooled: pooled.data,
      logits: taskOutputs(ops, this.#network.selection, this.#weights, features).data,
      gradient: (column) => {
        const width = features.data.length;
        let slopes: Float64Array = output_fcs.weight.data.slice(column * width, (column + 1) * width);
        for (const [l, { weight }] of [...tss.entries()].reverse())
          slopes = backwards(weight, item(ops.active, l), slopes);
        return slopes;
      },
    };
  }
}

/** From the slopes of relu(W x)'s elements to those of x's; only the rows that are active pass theirs on. */
function backwards(weight: ReferenceTensor, active: ReferenceTensor, slopes: Float64Array): Float64Array {
  const width = weight.data.length / slopes.length;
  const passed = slopes.map((slope, row) => (at(active, row) > 0 ? slope : 0));
  return generate([width], (c) =>
    passed.reduce((sum, slope, row) => (slope === 0 ? sum : sum + slope * at(weight, row * width + c)), 0),
  ).data;
}
