import type { SwinFace } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { OnnxGraph, type OnnxValue } from '@swinface/core/onnx';
import {
  createObjectives,
  type Objective,
  type ObjectiveParameter,
  type ObjectiveSizes,
  objectiveParameters,
  recordLosses,
} from '../objectives/index.js';
import type { Recipe } from '../recipe/recipe.js';
import { differentiate } from './differentiate.js';
import { levelName, pooledLevels } from './levels.js';
import { isFrozen, isRunning, isTrainable } from './parameters.js';
import { type RandomMask, TrainingOps } from './training-ops.js';

/** A step's forward and backward pass as one ONNX model, and how to feed and read it. */
export interface TrainingGraph {
  readonly graph: OnnxGraph;
  readonly model: Uint8Array<ArrayBuffer>;
  /** What it sees: the pictures, or the levels of a frozen trunk. */
  readonly inputs: readonly OnnxValue[];
  /** Names and shapes of the parameters as inputs. */
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  /** Names of those that are learnt; each has an output `gradient.<name>`. */
  readonly trainable: readonly string[];
  /** What is learnt beside the network. */
  readonly learnt: readonly ObjectiveParameter[];
  readonly masks: readonly RandomMask[];
  readonly statistics: readonly RunningStatistic[];
  readonly objectives: readonly Objective[];
  /** What the network gives before any loss. */
  readonly outputs: { readonly embedding?: OnnxValue; readonly logits?: OnnxValue };
  /** Entries of the output `losses`. */
  readonly tasks: readonly string[];
}

/** What a training set says of its identities. */
export type IdentitySizes = Omit<ObjectiveSizes, 'batch'>;

/** A running statistic and the output that holds the same statistic of the batch. */
export interface RunningStatistic {
  readonly name: string;
  readonly output: string;
  /** What the batch's statistic is multiplied by before it is averaged in: n / (n - 1) for variances. */
  readonly correction: number;
}

/** Which pass over a batch is recorded, and what the training set says of its identities. */
export interface RecordOptions extends Partial<IdentitySizes> {
  /** Losses alone, no gradients. */
  readonly forwardOnly?: boolean;
  /** The network as it answers: running statistics, and nothing switched off at random. Losses alone. */
  readonly measuring?: boolean;
}

/** Records a network, its objectives and the gradients of all that is learnt for one batch size. */
export function recordTrainingGraph(
  network: SwinFace,
  recipe: Pick<Recipe, 'batch' | 'regularization' | 'frozen' | 'objectives' | 'features'>,
  { measuring = false, forwardOnly = measuring, identities = 0, ...known }: RecordOptions = {},
): TrainingGraph {
  const { batch, regularization } = recipe;
  const { selection } = network;
  const graph = new OnnxGraph();
  const side = selection.config.image;
  const levels = pooledLevels(network.levels);
  const inputs = recipe.features
    ? levels.map(({ side, channels }, level) => graph.input(levelName(level), [batch, side * side, channels]))
    : [graph.input('image', [batch, 3, side, side])];
  const parameters: OnnxValue[] = [];
  const isFixed = (path: string) => isRunning(path) && (measuring || isFrozen(path, recipe.frozen));
  for (const [path, { shape }] of network.weights) {
    if (!isRunning(path) || isFixed(path)) parameters.push(graph.input(path, shape));
  }

  const ops = new TrainingOps(graph, measuring ? { dropPath: 0, dropout: 0 } : regularization, isFixed);
  const weight = (path: string): OnnxValue => ({ name: path, shape: network.weights.get(path)?.shape ?? [] });
  const { embedding, logits } = recipe.features
    ? network.behindTrunk(ops, weight, inputs, levels)
    : network.forward(ops, weight, at(inputs, 0));
  const objectives = createObjectives(selection, recipe.objectives, { ...known, batch, identities });
  const learnt = objectiveParameters(objectives, recipe.objectives.weighting);
  const beside = new Map(
    learnt.map(({ name, shape, rows = shape[0] ?? 1 }) => [name, graph.input(name, [rows, ...shape.slice(1)])]),
  );
  parameters.push(...beside.values());
  const parameter = (name: string): OnnxValue => {
    const value = beside.get(name);
    if (!value) throw new RangeError(`No objective has the parameter ${name}`);
    return value;
  };
  const recorded = recordLosses(
    { graph, selection, batch, embedding, logits, parameter },
    objectives,
    recipe.objectives.weighting,
  );

  const statistics = ops.statistics.flatMap(({ runningMean, runningVariance, mean, variance, count }) => {
    graph.output(`batch.${runningMean}`, mean);
    graph.output(`batch.${runningVariance}`, variance);
    return [
      { name: runningMean, output: `batch.${runningMean}`, correction: 1 },
      { name: runningVariance, output: `batch.${runningVariance}`, correction: count / Math.max(1, count - 1) },
    ];
  });
  const trainable = forwardOnly ? [] : parameters.filter(({ name }) => isTrainable(name, recipe.frozen));
  const gradients = differentiate(graph, recorded.total, trainable);
  graph.output('total', recorded.total);
  graph.output('losses', recorded.losses);
  if (logits) graph.output('logits', logits);
  gradients.forEach((gradient, index) => {
    graph.output(`gradient.${trainable[index]?.name}`, gradient);
  });
  return {
    graph,
    model: graph.toModel('swinface-trainer'),
    inputs,
    parameters: new Map(parameters.map(({ name, shape }) => [name, shape])),
    trainable: trainable.map(({ name }) => name),
    learnt,
    masks: ops.masks,
    statistics,
    objectives,
    outputs: { ...(embedding ? { embedding } : {}), ...(logits ? { logits } : {}) },
    tasks: recorded.tasks,
  };
}
