import {
  arrange,
  disarrange,
  type HostTensor,
  type ModelConfig,
  networkOf,
  selectOutputs,
  type WeightMap,
} from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import { expectAllClose } from '@swinface/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/data/random.js';
import { TrainingStep } from '../../src/engine/step.js';
import { initialWeights } from '../../src/graph/parameters.js';
import { recordTrainingGraph, type TrainingGraph } from '../../src/graph/training-graph.js';
import { recipeConfig } from '../../src/recipe/config.js';
import type { Recipe } from '../../src/recipe/recipe.js';
import type { TrainingBatch } from '../../src/tasks/batch.js';
import { evaluate, type Tensor64, tensor } from './support/evaluate.js';
import { everythingRecipe, TINY, TINY_IDENTITIES, TinySource, tinyRecipe } from './support/tiny.js';

const BATCH = 3;
/** Parameters whose gradients are compared with finite differences: the network's own need it once. */
const CASES = [
  { name: 'classes, age and distillation', recipe: tinyRecipe({ batch: BATCH }), compared: /./, groups: 20 },
  {
    name: 'every objective',
    recipe: everythingRecipe({ batch: BATCH }),
    compared: /^(objectives|recognition|subnets\.(tss|output))/,
    groups: 5,
  },
];

/** Weights of ordinary size everywhere, so that no gradient is hidden by a zero. */
function weights(config: ModelConfig): WeightMap {
  return new Map(
    [...initialWeights(config, 5)].map(([name, { shape, data }], index) => {
      const random = new Random(9, index);
      return [name, { shape, data: data.map((value) => value + 0.1 * random.normal()) }] as const;
    }),
  );
}

function record(recipe: Recipe, forwardOnly = false): TrainingGraph {
  const network = networkOf(selectOutputs(recipeConfig(recipe)));
  return recordTrainingGraph(network, recipe, { forwardOnly, ...TINY_IDENTITIES });
}

/** Everything that a step feeds, in float64. */
function inputs(recipe: Recipe, graph: TrainingGraph, tensors: WeightMap, batch: TrainingBatch): Map<string, Tensor64> {
  const given = new Map<string, Tensor64>();
  const put = (name: string, { shape, data }: HostTensor) => given.set(name, { shape, data: Float64Array.from(data) });
  const network = networkOf(selectOutputs(recipeConfig(recipe)));
  for (const [path, value] of arrange(network, tensors)) put(path, value);
  put('image', { shape: [BATCH, 3, TINY.image, TINY.image], data: batch.images });
  const random = new Random(4);
  const draw = (name: string, shape: readonly number[], value: () => number) => given.set(name, tensor(shape, value));
  for (const { name, shape, rate } of graph.masks) {
    draw(name, shape, () => (random.uniform() < rate ? 0 : 1 / (1 - rate)));
  }
  for (const objective of graph.objectives) {
    for (const [name, feed] of Object.entries(objective.feed(batch, 0.3, random).feeds)) put(name, feed);
  }
  draw('task.weight', [graph.tasks.length], () => random.uniform(0.5, 1.5));
  for (const [name, shape] of graph.parameters)
    if (!given.has(name)) draw(name, shape, () => random.uniform(-0.5, 0.5));
  return given;
}

describe.each(CASES)('the whole training graph: $name', ({ recipe, compared, groups: least }) => {
  let tensors: WeightMap;
  let graph: TrainingGraph;
  let given: Map<string, Tensor64>;
  let computed: ReadonlyMap<string, Tensor64>;

  beforeAll(async () => {
    tensors = weights(recipeConfig(recipe));
    graph = record(recipe);
    given = inputs(recipe, graph, tensors, await new TinySource(BATCH).next());
    computed = evaluate(graph.graph, given);
  });

  test('every gradient agrees with a finite difference along a random direction', () => {
    const forward = record(recipe, true);
    const loss = (at: ReadonlyMap<string, Tensor64>) => evaluate(forward.graph, at).get('total')?.data[0] as number;
    // Tensors of one block or layer move together, in random directions that hide no error of a single one.
    const groups = new Map<string, string[]>();
    for (const name of graph.parameters.keys()) {
      if (!compared.test(name)) continue;
      const key = name.split('.').slice(0, 4).join('.');
      groups.set(key, [...(groups.get(key) ?? []), name]);
    }
    expect(groups.size).toBeGreaterThan(least);
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
        return (directions[k]?.data ?? new Float64Array()).reduce(
          (sum, entry, i) => sum + entry * (gradient[i] as number),
          total,
        );
      }, 0);
      const difference = (h: number) => (at(h) - at(-h)) / (2 * h);
      // A step that carries a ReLU or a maximum over its kink spoils the difference, so a shorter one may be needed;
      // a wrong gradient fits none of them.
      const close = (value: number) => Math.abs(value - actual) <= 1e-5 + 1e-5 * Math.abs(actual);
      const step = [1e-6, 1e-7, 1e-5].find((h) => close(difference(h))) ?? 1e-6;
      // Float64 rounding of a loss of order 100 over the shortest step, and a step's square times the third derivative.
      expectAllClose([actual], [difference(step)], { atol: 1e-5, rtol: 1e-5, label: key });
    }
  }, 300_000); // hundreds of evaluations in float64, which a busy machine draws out

  test('ONNX Runtime computes the same losses and gradients in float32', async () => {
    const selection = selectOutputs(recipeConfig(recipe));
    const options = { device: 'cpu', threads: 1, ...TINY_IDENTITIES } as const;
    const step = await TrainingStep.create(selection, tensors, recipe, options);
    const batch = await new TinySource(BATCH).next();
    const result = await step.run(batch, 0, 0.3);
    // The step draws its own masks and weights: feed those to the float64 evaluation.
    const drawn = step.feeds(batch, 0, 0.3);
    const fed = new Map([...given]);
    for (const [name, { shape, data }] of drawn.feeds) fed.set(name, { shape, data: Float64Array.from(data) });
    for (const { name, shape } of graph.learnt) {
      const values = step.store.view(name);
      const width = shape.slice(1).reduce((product, side) => product * side, 1);
      const rows = [...(drawn.rows.get(name) ?? Array(shape[0]).keys())];
      fed.set(
        name,
        tensor([rows.length, ...shape.slice(1)], (i) => {
          return values[(rows[Math.floor(i / width)] as number) * width + (i % width)] as number;
        }),
      );
    }
    const same = evaluate(graph.graph, fed);
    expectAllClose(result.losses, same.get('losses')?.data ?? [], { atol: 1e-4, rtol: 1e-5, label: 'losses' });
    for (const [name, gradient] of result.gradients) {
      const rows = drawn.rows.get(name);
      const sampled = same.get(`gradient.${name}`)?.data ?? new Float64Array();
      const expected = rows ? new Float64Array(gradient.length) : sampled;
      const width = gradient.length / TINY_IDENTITIES.identities;
      rows?.forEach((row, from) => {
        expected.set(sampled.subarray(from * width, (from + 1) * width), row * width);
      });
      const size = Math.max(...expected.map(Math.abs));
      // Float32 against float64 through six blocks and their way back; relative to the tensor's largest gradient. Where
      // BatchNorm makes the true gradient zero, only rounding of intermediate values is left.
      expectAllClose(gradient, expected, { atol: 1e-5 + 1e-4 * size, rtol: 1e-4, label: name });
    }
    await step.dispose();
  });
});

test('with the batch statistics as running statistics, inference gives what training gave', async () => {
  const tensors = weights(TINY);
  const selection = selectOutputs(TINY);
  const recipe = tinyRecipe({ batch: BATCH, regularization: { dropPath: 0, dropout: 0 } });
  const graph = record(recipe);
  const batch = await new TinySource(BATCH).next();
  const values = evaluate(graph.graph, inputs(recipe, graph, tensors, batch));
  const network = networkOf(selection);
  const arranged = new Map(arrange(network, tensors));
  for (const { name, output } of graph.statistics) {
    const shape = arranged.get(name)?.shape ?? [];
    arranged.set(name, { shape, data: Float32Array.from(values.get(output)?.data ?? []) });
  }
  const image = { shape: [BATCH, 3, TINY.image, TINY.image], data: batch.images };
  const reference = runReference(network, disarrange(network, arranged), image);
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
