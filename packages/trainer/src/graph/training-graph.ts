import { type ModelOutputs, type ModelWeights, type OutputSelection, swinFace } from '@swinface/core';
import { OnnxGraph, type OnnxValue } from '@swinface/core/onnx';
import { isRunning, isTrainable } from '../engine/parameters.js';
import {
  createObjectives,
  type Objective,
  type ObjectiveParameter,
  type ObjectiveSizes,
  objectiveParameters,
  recordLosses,
} from '../objectives/index.js';
import type { Recipe } from '../recipe.js';
import { differentiate } from './differentiate.js';
import { type RandomMask, type Regularisation, TrainingOps } from './training-ops.js';

/** A step's forward and backward pass as one ONNX model, and how to feed and read it. */
export interface TrainingGraph {
  readonly graph: OnnxGraph;
  readonly model: Uint8Array<ArrayBuffer>;
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
  readonly outputs: Pick<ModelOutputs<OnnxValue>, 'embedding' | 'logits'>;
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

/**
 * Records the network, its objectives and (unless `forwardOnly`) the gradients of all parameters for one batch size.
 */
export function recordTrainingGraph(
  selection: OutputSelection,
  weights: ModelWeights<OnnxValue>,
  recipe: Pick<Recipe, 'batch' | 'regularisation' | 'frozen' | 'objectives'>,
  { forwardOnly = false, identities = 0, ...known }: { forwardOnly?: boolean } & Partial<IdentitySizes> = {},
): TrainingGraph {
  const { batch, regularisation } = recipe;
  const graph = new OnnxGraph();
  const side = selection.config.image;
  const image = graph.input('image', [batch, 3, side, side]);
  const parameters: OnnxValue[] = [];
  const visit = (value: unknown): void => {
    if (isValue(value)) {
      if (!isRunning(value.name)) parameters.push(graph.input(value.name, value.shape));
    } else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
  };
  visit(weights);

  const ops = new TrainingOps(graph, regularisation satisfies Regularisation);
  const { embedding, logits } = swinFace(ops, selection, weights, image);
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

const isValue = (value: unknown): value is OnnxValue =>
  typeof value === 'object' && value !== null && 'name' in value && 'shape' in value;
