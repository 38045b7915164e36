import { selectOutputs } from '@swinface/core';
import { expectAllClose } from '@swinface/testing';
import { expect, test } from 'vitest';
import type { Device } from '../../src/engine/device.js';
import { Optimizer } from '../../src/engine/optimizer.js';
import { TrainingStep } from '../../src/engine/step.js';
import { initialWeights } from '../../src/graph/parameters.js';
import { TINY, TinySource, tinyRecipe } from '../node/support/tiny.js';

const STEPS = 3;

/** Losses of a few steps of training. */
async function train(device: Device): Promise<Float32Array[]> {
  const recipe = tinyRecipe();
  const step = await TrainingStep.create(selectOutputs(TINY), initialWeights(TINY, 1), recipe, { device, threads: 1 });
  expect(step.device).toBe(device);
  const optimizer = new Optimizer(step.store, recipe.optimizer);
  const source = new TinySource();
  const losses: Float32Array[] = [];
  for (let index = 0; index < STEPS; index++) {
    const result = await step.run(await source.next(), index, 0);
    await optimizer.step(result.gradients, optimizer.norm(result.gradients), 0.003);
    losses.push(result.losses.slice());
  }
  await step.dispose();
  return losses;
}

test('the WebGPU provider trains as the CPU provider does', async () => {
  const [cpu, gpu] = [await train('cpu'), await train('webgpu')];
  cpu.forEach((expected, index) => {
    // Float32 sums in another order, and each step starts from the differences of the last.
    expectAllClose(gpu[index] ?? [], expected, { atol: 1e-3, rtol: 1e-3, label: `losses of step ${index}` });
  });
  // Learning, not standing still: each step's weights differ from the last.
  expect(cpu[1]).not.toEqual(cpu[0]);
});
