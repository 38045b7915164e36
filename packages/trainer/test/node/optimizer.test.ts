import type { HostTensor } from '@swinface/core';
import { expectAllClose } from '@swinface/testing';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/data/random.js';
import { Orthogonalizer } from '../../src/engine/muon.js';
import { learningRate, Optimizer } from '../../src/engine/optimizer.js';
import { ParameterStore } from '../../src/graph/parameters.js';
import { tinyRecipe } from './support/tiny.js';

describe('Optimizer', () => {
  const recipe = tinyRecipe().optimizer;
  const store = () =>
    new ParameterStore(
      new Map<string, HostTensor>([
        ['fc.weight', { shape: [1, 2], data: Float32Array.of(1, -2) }],
        ['fc.bias', { shape: [1], data: Float32Array.of(3) }],
      ]),
    );

  test('AdamW follows the paper for two steps', async () => {
    const parameters = store();
    const optimizer = new Optimizer(parameters, { ...recipe, clip: 100 });
    const expected = [1, -2, 3];
    const [m, v] = [
      [0, 0, 0],
      [0, 0, 0],
    ];
    const gradients = [
      [0.5, -1, 2],
      [0.25, 1, 0],
    ];
    for (const [step, [a = 0, b = 0, c = 0]] of gradients.entries()) {
      const given = new Map([
        ['fc.weight', Float32Array.of(a, b)],
        ['fc.bias', Float32Array.of(c)],
      ]);
      expect(optimizer.norm(given)).toBeCloseTo(Math.hypot(a, b, c), 6);
      await optimizer.step(given, optimizer.norm(given), 0.1);
      [a, b, c].forEach((g, i) => {
        m[i] = recipe.beta1 * (m[i] ?? 0) + (1 - recipe.beta1) * g;
        v[i] = recipe.beta2 * (v[i] ?? 0) + (1 - recipe.beta2) * g * g;
        const update = (m[i] ?? 0) / (1 - recipe.beta1 ** (step + 1));
        const scale = Math.sqrt((v[i] ?? 0) / (1 - recipe.beta2 ** (step + 1))) + 1e-8;
        // Only the matrix decays.
        expected[i] = (expected[i] ?? 0) * (i < 2 ? 1 - 0.1 * recipe.weightDecay : 1) - (0.1 * update) / scale;
      });
    }
    expected.forEach((value, i) => {
      expect(parameters.values[i]).toBeCloseTo(value, 5);
    });
  });

  test('a long gradient is shortened to the norm allowed', async () => {
    const [long, short] = [store(), store()];
    const gradient = (scale: number) =>
      new Map([
        ['fc.weight', Float32Array.of(3 * scale, 0)],
        ['fc.bias', Float32Array.of(4 * scale)],
      ]);
    const a = new Optimizer(long, { ...recipe, clip: 1 });
    await a.step(gradient(100), a.norm(gradient(100)), 0.1);
    const b = new Optimizer(short, { ...recipe, clip: 1 });
    await b.step(gradient(0.2), b.norm(gradient(0.2)), 0.1);
    // 1/500 and 1 of the two scales: equal up to float32 rounding of the gradients.
    expectAllClose(a.first, b.first, { atol: 1e-7, rtol: 1e-6 });
    expect(a.first[0]).toBeCloseTo((1 - recipe.beta1) * 0.6, 6);
  });

  test('the schedule warms up and ends at its minimum', () => {
    const { learningRate: peak, minimum, warmUp } = recipe;
    expect(learningRate(recipe, 0)).toBe(0);
    expect(learningRate(recipe, warmUp / 2)).toBeCloseTo(peak / 2, 9);
    expect(learningRate(recipe, warmUp)).toBeCloseTo(peak, 9);
    expect(learningRate(recipe, warmUp + (1 - warmUp) / 2)).toBeCloseTo((peak + minimum) / 2, 9);
    expect(learningRate(recipe, 1)).toBeCloseTo(minimum, 9);
  });
});

/** The published iteration, in float64, for one matrix. */
function newtonSchulz(matrix: readonly number[], rows: number, columns: number): number[] {
  if (rows > columns) return transposed(newtonSchulz(transposed(matrix, rows, columns), columns, rows), columns, rows);
  const norm = Math.hypot(...matrix) + 1e-7;
  let x = matrix.map((value) => value / norm);
  for (let i = 0; i < 5; i++) {
    const square = product(x, transposed(x, rows, columns), rows, columns, rows);
    const fourth = product(square, square, rows, rows, rows);
    const mixed = square.map((value, at) => -4.775 * value + 2.0315 * (fourth[at] ?? 0));
    const moved = product(mixed, x, rows, rows, columns);
    x = x.map((value, at) => 3.4445 * value + (moved[at] ?? 0));
  }
  return x;
}

const transposed = (x: readonly number[], rows: number, columns: number): number[] =>
  Array.from({ length: rows * columns }, (_, at) => x[(at % rows) * columns + Math.floor(at / rows)] ?? 0);

const product = (a: readonly number[], b: readonly number[], rows: number, inner: number, columns: number): number[] =>
  Array.from({ length: rows * columns }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      sum += (a[Math.floor(at / columns) * inner + k] ?? 0) * (b[k * columns + (at % columns)] ?? 0);
    }
    return sum;
  });

describe('Muon', () => {
  const random = new Random(7);
  const tensor = (shape: readonly number[]): HostTensor => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.uniform(-0.5, 0.5)),
  });
  const tensors = new Map<string, HostTensor>([
    ['layers.0.blocks.0.attn.qkv.weight', tensor([15, 5])],
    ['layers.0.blocks.0.mlp.fc1.weight', tensor([20, 5])],
    ['layers.0.downsample.reduction.weight', tensor([3, 7])],
    ['subnets.convs.0', tensor([2, 3, 4, 3, 3])],
    ['layers.0.blocks.0.norm1.weight', tensor([5])],
    ['subnets.output_fcs.weight', tensor([3, 5])],
  ]);
  /** Name, first value, rows, columns of each matrix. */
  const matrices: readonly (readonly [string, number, number, number])[] = [
    ...[0, 25, 50].map((from) => ['layers.0.blocks.0.attn.qkv.weight', from, 5, 5] as const),
    ['layers.0.blocks.0.mlp.fc1.weight', 0, 20, 5],
    ['layers.0.downsample.reduction.weight', 0, 3, 7],
    ...[0, 108].map((from) => ['subnets.convs.0', from, 3, 36] as const),
  ];

  test('makes each matrix of a stack orthogonal, as the published iteration does', async () => {
    const orthogonalizer = await Orthogonalizer.create(new ParameterStore(tensors), 1);
    const updates = await orthogonalizer.updates((name) => tensors.get(name)?.data ?? new Float32Array());
    expect([...updates.keys()].sort()).toEqual([...new Set(matrices.map(([name]) => name))].sort());
    for (const [name, from, rows, columns] of matrices) {
      const given = Array.from(tensors.get(name)?.data.subarray(from, from + rows * columns) ?? []);
      const scale = 0.2 * Math.sqrt(Math.max(rows, columns));
      const expected = newtonSchulz(given, rows, columns).map((value) => value * scale);
      const actual = updates.get(name)?.subarray(from, from + rows * columns) ?? [];
      // Float32 through five iterations that stretch small singular values by up to 3.4445^5.
      expectAllClose(actual, expected, { atol: 2e-4, rtol: 2e-4, label: `${name} from ${from}` });
    }
    await orthogonalizer.dispose();
  });

  test('a gradient of zeros changes nothing', async () => {
    const orthogonalizer = await Orthogonalizer.create(new ParameterStore(tensors), 1);
    const updates = await orthogonalizer.updates((name) => new Float32Array(tensors.get(name)?.data.length ?? 0));
    for (const update of updates.values()) expect(update.every((value) => value === 0)).toBe(true);
    await orthogonalizer.dispose();
  });

  test('moves matrices by their orthogonal momentum and everything else as AdamW does', async () => {
    const [mixed, plain] = [new ParameterStore(tensors), new ParameterStore(tensors)];
    const orthogonalizer = await Orthogonalizer.create(mixed, 1);
    const recipe = { ...tinyRecipe().optimizer, clip: 1e9, weightDecay: 0.5 };
    const [muon, adamw] = [new Optimizer(mixed, recipe, orthogonalizer), new Optimizer(plain, recipe)];
    const gradients = new Map([...tensors.keys()].map((name) => [name, tensor(tensors.get(name)?.shape ?? []).data]));
    await muon.step(gradients, muon.norm(gradients), 0.1);
    await adamw.step(gradients, adamw.norm(gradients), 0.1);
    for (const name of ['layers.0.blocks.0.norm1.weight', 'subnets.output_fcs.weight']) {
      expect(mixed.view(name)).toEqual(plain.view(name));
    }
    const name = 'layers.0.downsample.reduction.weight';
    // Nesterov: the momentum, and once more what it will be without the next gradient. The first step's scale is removed
    // by the iteration, the second's direction is not.
    const next = new Map([...gradients].map(([key, { length }]) => [key, tensor([length]).data]));
    await muon.step(next, muon.norm(next), 0.1);
    let values = Array.from(tensors.get(name)?.data ?? []);
    let momentum = values.map(() => 0);
    for (const given of [gradients, next]) {
      const g = Array.from(given.get(name) ?? []);
      momentum = momentum.map((m, i) => 0.95 * m + (g[i] ?? 0));
      const ahead = momentum.map((m, i) => (g[i] ?? 0) + 0.95 * m);
      const update = newtonSchulz(ahead, 3, 7);
      values = values.map((value, i) => value * 0.95 - 0.1 * 0.2 * Math.sqrt(7) * (update[i] ?? 0));
    }
    // Float32 through five iterations, twice.
    expectAllClose(mixed.view(name), values, { atol: 1e-5, rtol: 1e-4 });
    await muon.dispose();
  });
});
