import { levelShapes, type ModelConfig, placedTasks, type Task } from '../config.js';
import { InvalidInputError, WeightsInvalidError } from '../errors.js';
import { BATCH_NORM_EPSILON } from '../ops.js';
import type { WeightMap } from '../weights/index.js';

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

/** One subnet up to its pooled features: FAM of the paper, without its BatchNorm. */
interface SubnetFeatures {
  /** After channel attention and ReLU, [tokens, F]. */
  readonly attended: Float32Array;
  /** Greatest of each feature over the tokens, [F]. */
  readonly pooled: Float32Array;
}

/**
 * Explains a task's answer from the feature maps that an engine was asked to keep: each place's features, weighted by
 * what the pooled feature contributes to the answer (class activation mapping, with the exact gradient of the layers
 * behind the pooling). The backbone, which is nearly all of the work, has run by then.
 *
 * @param weights by checkpoint name, not folded
 * @param levels FM1..FM4 of one face, each [H*W, C]
 * @throws {InvalidInputError} if the network has no such task, or the levels are of another network
 * @throws {WeightsInvalidError} if a tensor is missing
 */
export function explainTask(
  config: ModelConfig,
  weights: WeightMap,
  levels: readonly [Float32Array, Float32Array, Float32Array, Float32Array],
  task: string,
): Explanation {
  const place = placedTasks(config).find((entry) => entry.task.name === task);
  if (!place) {
    throw new InvalidInputError(`The network has no task ${task} to explain.`, {
      expected: placedTasks(config)
        .map((entry) => entry.task.name)
        .join(', '),
      actual: task,
    });
  }
  const read = reader(weights);
  const { attended, pooled } = subnetFeatures(config, read, place.subnet, levels);
  const { logits, gradient } = taskLogits(config, read, place, pooled);
  const column = explainedColumn(place.task, logits);
  const slopes = gradient(column);
  const { window: side, feature } = config;
  const map = new Float32Array(side * side);
  for (let token = 0; token < map.length; token++) {
    let sum = 0;
    for (let c = 0; c < feature; c++) sum += (slopes[c] ?? 0) * (attended[token * feature + c] ?? 0);
    map[token] = Math.max(0, sum);
  }
  const most = map.reduce((a, b) => Math.max(a, b), 0);
  return {
    task,
    answer: place.task.kind === 'softmax' ? (place.task.labels?.[column] ?? task) : task,
    levels: levelMeans(config, pooled),
    side,
    map: most > 0 ? map.map((value) => value / most) : map,
  };
}

/** "Yes" of a binary task; else the winner. */
function explainedColumn({ labels }: Task, logits: Float64Array): number {
  if (labels?.length === 2 && labels[1] === 'yes') return 1;
  return logits.reduce((best, value, index) => (value > (logits[best] ?? 0) ? index : best), 0);
}

type Read = (name: string) => Float32Array;

const reader =
  (weights: WeightMap): Read =>
  (name) => {
    const tensor = weights.get(name);
    if (!tensor) throw new WeightsInvalidError(`The weights lack the tensor ${name}.`);
    return tensor.data;
  };

function levelMeans({ split }: ModelConfig, pooled: Float32Array): [number, number, number, number] {
  let at = 0;
  const [a, b, c, d] = split.map((width) => {
    const part = pooled.subarray(at, at + width);
    at += width;
    return part.reduce((sum, value) => sum + value, 0) / width;
  });
  return [a ?? 0, b ?? 0, c ?? 0, d ?? 0];
}

/** Pools FM1 and FM2 to the window, convolves all four, attends over the channels, takes the maximum over the tokens. */
export function subnetFeatures(
  config: ModelConfig,
  read: Read,
  subnet: number,
  levels: readonly Float32Array[],
): SubnetFeatures {
  const { window: side, feature, split } = config;
  const tokens = side * side;
  const features = new Float32Array(tokens * feature);
  let column = 0;
  for (const [level, [channels, size]] of levelShapes(config).entries()) {
    const map = levels[level];
    if (map?.length !== size * size * channels) {
      throw new InvalidInputError(`FM${level + 1} has the wrong size.`, {
        expected: `${size * size * channels} values`,
        actual: String(map?.length),
      });
    }
    const width = split[level] ?? 0;
    const filters = read(`fam.nets.${subnet}.conv.convs.${level}.weight`);
    convolve(averagePool(map, size, channels, side), channels, filters, width, side, features, column, feature);
    column += width;
  }
  const { mean, most } = overTokens(features, tokens, feature);
  const squeeze = (pooled: Float32Array): Float32Array => {
    const name = `fam.nets.${subnet}.channel_attention.mlp`;
    const hidden = linear(pooled, read(`${name}.1.weight`), read(`${name}.1.bias`)).map((value) => Math.max(0, value));
    return linear(hidden, read(`${name}.3.weight`), read(`${name}.3.bias`));
  };
  const [fromMean, fromMost] = [squeeze(mean), squeeze(most)];
  const attended = features.map((value, i) => {
    const logit = (fromMean[i % feature] ?? 0) + (fromMost[i % feature] ?? 0);
    return Math.max(0, value / (1 + Math.exp(-logit)));
  });
  return { attended, pooled: overTokens(attended, tokens, feature).most };
}

/** Means over blocks, [size^2, C] -> [side^2, C]. */
function averagePool(map: Float32Array, size: number, channels: number, side: number): Float32Array {
  const factor = size / side;
  if (factor === 1) return map;
  const out = new Float32Array(side * side * channels);
  for (let token = 0; token < size * size; token++) {
    const to = Math.floor(Math.floor(token / size) / factor) * side + Math.floor((token % size) / factor);
    for (let c = 0; c < channels; c++) {
      out[to * channels + c] = (out[to * channels + c] ?? 0) + (map[token * channels + c] ?? 0) / (factor * factor);
    }
  }
  return out;
}

/** 3x3 convolution with a border of zeros into the columns from `column` of `out` [side^2, stride]. */
function convolve(
  map: Float32Array,
  channels: number,
  filters: Float32Array,
  width: number,
  side: number,
  out: Float32Array,
  column: number,
  stride: number,
): void {
  for (let row = 0; row < side; row++) {
    for (let col = 0; col < side; col++) {
      for (let o = 0; o < width; o++) {
        let sum = 0;
        for (let tap = 0; tap < 9; tap++) {
          const [y, x] = [row + Math.floor(tap / 3) - 1, col + (tap % 3) - 1];
          if (y < 0 || x < 0 || y >= side || x >= side) continue;
          const from = (y * side + x) * channels;
          for (let c = 0; c < channels; c++) {
            sum += (map[from + c] ?? 0) * (filters[(o * channels + c) * 9 + tap] ?? 0);
          }
        }
        out[(row * side + col) * stride + column + o] = sum;
      }
    }
  }
}

function overTokens(x: Float32Array, tokens: number, width: number): { mean: Float32Array; most: Float32Array } {
  const mean = new Float32Array(width);
  const most = new Float32Array(width).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < tokens * width; i++) {
    const value = x[i] ?? 0;
    mean[i % width] = (mean[i % width] ?? 0) + value / tokens;
    if (value > (most[i % width] ?? 0)) most[i % width] = value;
  }
  return { mean, most };
}

/** W x + b for one vector. */
function linear(x: Float32Array, weight: Float32Array, bias: Float32Array): Float32Array {
  return bias.map((shift, row) => {
    let sum = shift;
    for (let i = 0; i < x.length; i++) sum += (weight[row * x.length + i] ?? 0) * (x[i] ?? 0);
    return sum;
  });
}

/** BatchNorm, two linears with ReLU and the task's own linear; and the gradient of a logit by the pooled features. */
export function taskLogits(
  { feature }: ModelConfig,
  read: Read,
  { subnet, index, task }: { readonly subnet: number; readonly index: number; readonly task: { logits: number } },
  pooled: Float32Array,
): { logits: Float64Array; gradient: (column: number) => Float32Array } {
  const norm = (part: string) => read(`fam.nets.${subnet}.norm.${part}`);
  const [weight, bias, mean, variance] = [norm('weight'), norm('bias'), norm('running_mean'), norm('running_var')];
  const scale = weight.map((value, c) => value / Math.sqrt((variance[c] ?? 0) + BATCH_NORM_EPSILON));
  const normal = pooled.map((value, c) => (value - (mean[c] ?? 0)) * (scale[c] ?? 0) + (bias[c] ?? 0));
  const layers = [0, 3].map((layer) => {
    const name = `tss.nets.${subnet}.feature.${layer}`;
    return { weight: read(`${name}.weight`), bias: read(`${name}.bias`) };
  });
  const active: Float32Array[] = [];
  let x = normal;
  for (const layer of layers) {
    x = linear(x, layer.weight, layer.bias).map((value) => Math.max(0, value));
    active.push(x);
  }
  const output = read(`om.output_fcs.${index}.weight`);
  const logits = Float64Array.from(linear(x, output, read(`om.output_fcs.${index}.bias`)));
  const gradient = (column: number): Float32Array => {
    let slope = output.slice(column * feature, (column + 1) * feature);
    for (let l = layers.length - 1; l >= 0; l--) {
      const back = new Float32Array(feature);
      const rows = layers[l]?.weight;
      active[l]?.forEach((value, row) => {
        if (value <= 0) return;
        for (let i = 0; i < feature; i++) {
          back[i] = (back[i] ?? 0) + (rows?.[row * feature + i] ?? 0) * (slope[row] ?? 0);
        }
      });
      slope = back;
    }
    return slope.map((value, c) => value * (scale[c] ?? 0));
  };
  if (logits.length !== task.logits) throw new WeightsInvalidError(`om.output_fcs.${index} has the wrong size.`);
  return { logits, gradient };
}
