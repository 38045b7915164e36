import { embeddingLength, networkOf, type OutputSelection, selectOutputs } from '@swinface/core';
import { Tensor } from 'onnxruntime-node';
import { ATTRIBUTE_TASKS } from '../data/labels.js';
import { Random } from '../data/random.js';
import { createSession, type Device } from '../engine/device.js';
import { createOptimizer } from '../engine/optimizer.js';
import { TrainingStep } from '../engine/step.js';
import { initialWeights } from '../graph/parameters.js';
import { recordTrainingGraph } from '../graph/training-graph.js';
import { recipeConfig } from '../recipe/config.js';
import type { Recipe } from '../recipe/recipe.js';
import type { TrainingBatch } from '../tasks/batch.js';

/** Times of one training step and its parts, medians in milliseconds. */
export interface Benchmark {
  readonly device: Device;
  readonly batch: number;
  /** Forward pass and losses alone, of a graph without gradients. */
  readonly forward: number;
  /** Forward and backward pass. */
  readonly gradient: number;
  /** Norm, update and the moving average. */
  readonly update: number;
  readonly facesPerSecond: number;
}

/** Identities of a made-up training set, of whose attributes nothing is known. */
const IDENTITIES = {
  identities: 1000,
  identityAttributes: new Float32Array(1000 * ATTRIBUTE_TASKS.length).fill(Number.NaN),
};

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/**
 * Times a recipe's training step on made-up faces, without its data.
 *
 * @param rounds after three that are not counted: memory is allocated in them
 */
export async function benchmark(
  recipe: Recipe,
  { device = 'auto', threads = 0, rounds = 5 }: { device?: Device | 'auto'; threads?: number; rounds?: number } = {},
): Promise<Benchmark> {
  const config = recipeConfig(recipe);
  const selection = selectOutputs(config);
  const weights = initialWeights(config, recipe.seed);
  const step = await TrainingStep.create(selection, weights, recipe, { device, threads, ...IDENTITIES });
  const optimizer = await createOptimizer(step.store, recipe.optimizer, threads);
  const [gradient, update]: [number[], number[]] = [[], []];
  const batch = madeUpBatch(selection, recipe.batch);
  for (let round = -3; round < rounds; round++) {
    const start = performance.now();
    const { gradients } = await step.run(batch, 0, 0);
    const middle = performance.now();
    await optimizer.step(gradients, optimizer.norm(gradients), 1e-4);
    optimizer.follow();
    if (round < 0) continue;
    gradient.push(middle - start);
    update.push(performance.now() - middle);
  }

  const { model, parameters } = recordTrainingGraph(networkOf(selection), recipe, {
    forwardOnly: true,
    ...IDENTITIES,
  });
  const { session } = await createSession(model, step.device, threads);
  const { feeds, rows } = step.feeds(batch, 0, 0);
  const tensors: Record<string, Tensor> = {};
  for (const [name, { data, shape }] of feeds) tensors[name] = new Tensor('float32', data, shape);
  for (const [name, shape] of parameters) {
    const width = shape.slice(1).reduce((product, side) => product * side, 1);
    const values = step.store.view(name).slice(0, (rows.get(name)?.length ?? shape[0] ?? 1) * width);
    tensors[name] = new Tensor('float32', values, shape);
  }
  const forward: number[] = [];
  for (let round = -3; round < rounds; round++) {
    const start = performance.now();
    await session.run(tensors);
    if (round >= 0) forward.push(performance.now() - start);
  }
  const used = step.device;
  await session.release();
  await step.dispose();
  await optimizer.dispose();
  const times = { forward: median(forward), gradient: median(gradient), update: median(update) };
  const facesPerSecond = (1000 * recipe.batch) / (times.gradient + times.update);
  return { device: used, batch: recipe.batch, ...times, facesPerSecond };
}

/** Noise with every label: what a step costs does not depend on what is in it. */
function madeUpBatch({ config, tasks }: OutputSelection, count: number): TrainingBatch {
  const random = new Random(1);
  const length = embeddingLength(config);
  const floats = (length: number, value: () => number) => Float32Array.from({ length }, value);
  const weight = new Float32Array(count).fill(1);
  const softmax = tasks.flatMap(({ task }) =>
    task.kind === 'softmax'
      ? [[task.name, { target: new Float32Array(count * task.logits).fill(1 / task.logits), weight }] as const]
      : [],
  );
  return {
    count,
    images: floats(count * 3 * config.image ** 2, () => random.uniform(-1, 1)),
    softmax: Object.fromEntries(softmax),
    age: { years: floats(count, () => random.uniform(1, 90)), weight },
    embedding: { target: floats(count * length, () => length ** -0.5), weight },
    identity: { label: Int32Array.from({ length: count }, () => random.integer(IDENTITIES.identities)), weight },
  };
}
