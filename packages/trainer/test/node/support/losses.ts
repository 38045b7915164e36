import { selectOutputs } from '@swinface/core';
import { OnnxGraph } from '@swinface/core/onnx';
import { Random } from '../../../src/data/random.js';
import type { Objective } from '../../../src/objectives/objective.js';
import { recipeConfig } from '../../../src/recipe/config.js';
import type { TrainingBatch } from '../../../src/tasks/batch.js';
import { evaluate, type Tensor64 } from './evaluate.js';
import { everythingRecipe } from './tiny.js';

/** The network with every head. */
export const CONFIG = recipeConfig(everythingRecipe());
export const SELECTION = selectOutputs(CONFIG);
/** Faces of the batches here. */
export const BATCH = 3;

export const floats = (length: number, value: (index: number) => number) =>
  Float32Array.from({ length }, (_, i) => value(i));

/** A batch without labels but those of `changes`. */
export function batchOf(changes: Partial<TrainingBatch>): TrainingBatch {
  const nothing = { years: new Float32Array(BATCH), weight: new Float32Array(BATCH) };
  return { count: BATCH, images: new Float32Array(0), softmax: {}, age: nothing, ...changes };
}

/** Values of an objective's losses for given network outputs. */
export function losses(
  objective: Objective,
  batch: TrainingBatch,
  {
    logits,
    embedding,
    parameters = {},
    selection = SELECTION,
    progress = 0.5,
  }: {
    logits?: Float32Array;
    embedding?: Float32Array;
    parameters?: Record<string, Tensor64>;
    selection?: typeof SELECTION;
    progress?: number;
  },
): number[] {
  const graph = new OnnxGraph();
  const given = new Map<string, Tensor64>();
  const put = (name: string, shape: readonly number[], data: Float32Array) =>
    given.set(name, { shape, data: Float64Array.from(data) });
  const output = (name: string, width: number, data: Float32Array | undefined) => {
    put(name, [BATCH, width], data ?? new Float32Array(BATCH * width));
    return graph.input(name, [BATCH, width]);
  };
  const value = objective.record({
    graph,
    selection,
    batch: BATCH,
    logits: output('logits', selection.logits, logits),
    embedding: output('embedding', CONFIG.feature, embedding),
    parameter: (name) => {
      given.set(name, parameters[name] as Tensor64);
      return graph.input(name, parameters[name]?.shape ?? []);
    },
  });
  for (const [name, { shape, data }] of Object.entries(objective.feed(batch, progress, new Random(1)).feeds)) {
    put(name, shape, data);
  }
  return [...(evaluate(graph, given).get(value.name)?.data ?? [])];
}

/** A logits row that holds `values` at one task and zeros elsewhere. */
export function logitsOf(values: Record<string, readonly number[][]>, selection = SELECTION): Float32Array {
  const logits = new Float32Array(BATCH * selection.logits);
  for (const [name, rows] of Object.entries(values)) {
    const offset = selection.tasks.find(({ task }) => task.name === name)?.offset ?? Number.NaN;
    rows.forEach((row, face) => {
      logits.set(row, face * selection.logits + offset);
    });
  }
  return logits;
}
