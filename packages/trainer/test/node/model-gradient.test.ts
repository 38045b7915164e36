import {
  assembleWeights,
  type HostTensor,
  isHostTensor,
  mapWeights,
  selectOutputs,
  type WeightMap,
} from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import { expectAllClose } from '@swinface/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import type { TrainingBatch } from '../../src/batch.js';
import { Random } from '../../src/data/random.js';
import { initialWeights } from '../../src/engine/parameters.js';
import { TrainingStep } from '../../src/engine/step.js';
import { recordTrainingGraph, type TrainingGraph } from '../../src/graph/training-graph.js';
import { LOG_VARIANCES } from '../../src/objectives/index.js';
import { evaluate, type Tensor64, tensor } from './support/evaluate.js';
import { TINY, TinySource, tinyRecipe } from './support/tiny.js';

const BATCH = 3;
const selection = selectOutputs(TINY);

/** Weights of ordinary size everywhere, so that no gradient is hidden by a zero. */
function weights(): WeightMap {
  return new Map(
    [...initialWeights(TINY, 5)].map(([name, { shape, data }], index) => {
      const random = new Random(9, index);
      return [name, { shape, data: data.map((value) => value + 0.1 * random.normal()) }] as const;
    }),
  );
}

function record(tensors: WeightMap, recipe = tinyRecipe({ batch: BATCH })): TrainingGraph {
  const named = mapWeights(assembleWeights(selection, tensors), isHostTensor, ({ shape }, path) => ({
    name: path,
    shape,
  }));
  return recordTrainingGraph(selection, named, recipe);
}

/** Everything that a step feeds, in float64. */
function inputs(graph: TrainingGraph, tensors: WeightMap, batch: TrainingBatch): Map<string, Tensor64> {
  const given = new Map<string, Tensor64>();
  const put = (name: string, { shape, data }: HostTensor) => given.set(name, { shape, data: Float64Array.from(data) });
  mapWeights(assembleWeights(selection, tensors), isHostTensor, (value, path) => put(path, value));
  put('image', { shape: [BATCH, 3, TINY.image, TINY.image], data: batch.images });
  const random = new Random(4);
  for (const { name, shape, rate } of graph.masks) {
    given.set(
      name,
      tensor(shape, () => (random.uniform() < rate ? 0 : 1 / (1 - rate))),
    );
  }
  for (const objective of graph.objectives) {
    for (const [name, feed] of Object.entries(objective.feed(batch, 0.3).feeds)) put(name, feed);
  }
  given.set(
    'task.weight',
    tensor([graph.tasks.length], () => random.uniform(0.5, 1.5)),
  );
  for (const [name, shape] of graph.parameters) {
    if (!given.has(name))
      given.set(
        name,
        tensor(shape, () => random.uniform(-0.5, 0.5)),
      );
  }
  return given;
}

describe('the whole training graph', () => {
  let tensors: WeightMap;
  let graph: TrainingGraph;
  let given: Map<string, Tensor64>;
  let computed: ReadonlyMap<string, Tensor64>;

  beforeAll(async () => {
    tensors = weights();
    graph = record(tensors);
    given = inputs(graph, tensors, await new TinySource(BATCH).next());
    computed = evaluate(graph.graph, given);
  });

  test('every gradient agrees with a finite difference along a random direction', () => {
    const forward = recordForward(tensors);
    const loss = (at: ReadonlyMap<string, Tensor64>) => evaluate(forward.graph, at).get('total')?.data[0] as number;
    // Tensors of one block or layer move together, in random directions that hide no error of a single one.
    const groups = new Map<string, string[]>();
    for (const name of graph.parameters.keys()) {
      const key = name.split('.').slice(0, 4).join('.');
      groups.set(key, [...(groups.get(key) ?? []), name]);
    }
    expect(groups.size).toBeGreaterThan(20);
    let seed = 0;
    for (const [key, names] of groups) {
      const random = new Random(21, seed++);
      const directions = names.map((name) => tensor(graph.parameters.get(name) ?? [], () => random.normal()));
      const at = (h: number) => {
        const moved = new Map(given);
        names.forEach((name, k) => {
          const { shape, data } = given.get(name) as Tensor64;
          const direction = directions[k]?.data ?? [];
          moved.set(name, { shape, data: data.map((value, index) => value + h * (direction[index] as number)) });
        });
        return loss(moved);
      };
      const actual = names.reduce((total, name, k) => {
        const gradient = computed.get(`gradient.${name}`)?.data ?? [];
        return (directions[k]?.data ?? []).reduce((sum, entry, i) => sum + entry * (gradient[i] as number), total);
      }, 0);
      const difference = (h: number) => (at(h) - at(-h)) / (2 * h);
      // A step that carries a ReLU or a maximum over its kink spoils the difference, so a shorter one may be needed;
      // a wrong gradient fits none of them.
      const close = (value: number) => Math.abs(value - actual) <= 1e-5 + 1e-5 * Math.abs(actual);
      const step = [1e-6, 1e-7, 1e-5].find((h) => close(difference(h))) ?? 1e-6;
      // Float64 rounding of a loss of order 100 over the shortest step, and a step's square times the third derivative.
      expectAllClose([actual], [difference(step)], { atol: 1e-5, rtol: 1e-5, label: key });
    }
  });

  test('ONNX Runtime computes the same losses and gradients in float32', async () => {
    const step = await TrainingStep.create(selection, tensors, tinyRecipe({ batch: BATCH }), {
      device: 'cpu',
      threads: 1,
    });
    const batch = await new TinySource(BATCH).next();
    const result = await step.run(batch, 0, 0.3);
    // The step draws its own masks and weights: feed those to the float64 evaluation.
    const fed = [...step.feeds(batch, 0, 0.3).feeds].map(
      ([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }] as const,
    );
    const zero = tensor([graph.tasks.length], () => 0); // where log-variances start
    const same = evaluate(graph.graph, new Map([...given, ...fed, [LOG_VARIANCES, zero]]));
    expectAllClose(result.losses, same.get('losses')?.data ?? [], { atol: 1e-4, rtol: 1e-5, label: 'losses' });
    for (const [name, gradient] of result.gradients) {
      const expected = same.get(`gradient.${name}`)?.data ?? new Float64Array();
      const size = Math.max(...expected.map(Math.abs));
      // Float32 against float64 through six blocks and their way back; relative to the tensor's largest gradient.
      expectAllClose(gradient, expected, { atol: 1e-6 + 1e-4 * size, rtol: 1e-4, label: name });
    }
    await step.dispose();
  });
});

function recordForward(tensors: WeightMap): TrainingGraph {
  const named = mapWeights(assembleWeights(selection, tensors), isHostTensor, ({ shape }, path) => ({
    name: path,
    shape,
  }));
  return recordTrainingGraph(selection, named, tinyRecipe({ batch: BATCH }), { forwardOnly: true });
}

test('with the batch statistics as running statistics, inference gives what training gave', async () => {
  const tensors = weights();
  const recipe = tinyRecipe({ batch: BATCH, regularisation: { dropPath: 0, dropout: 0 } });
  const graph = record(tensors, recipe);
  const batch = await new TinySource(BATCH).next();
  const values = evaluate(graph.graph, inputs(graph, tensors, batch));
  const assembled = mapWeights(assembleWeights(selection, tensors), isHostTensor, (value, path): HostTensor => {
    const statistic = graph.statistics.find(({ name }) => name === path);
    if (!statistic) return value;
    return { shape: value.shape, data: Float32Array.from(values.get(statistic.output)?.data ?? []) };
  });
  const image = { shape: [BATCH, 3, TINY.image, TINY.image], data: batch.images };
  const reference = runReference(selection, assembled, image);
  const { embedding, logits } = graph.outputs;
  // Both in float64; statistics and weights are rounded to float32 on their way.
  const bars = { atol: 1e-5, rtol: 1e-5 };
  expectAllClose(values.get(embedding?.name ?? '')?.data ?? [], reference.embedding?.data ?? [], {
    ...bars,
    label: 'embedding',
  });
  expectAllClose(values.get(logits?.name ?? '')?.data ?? [], reference.logits?.data ?? [], {
    ...bars,
    label: 'logits',
  });
  expect(graph.statistics).toHaveLength(6);
});
