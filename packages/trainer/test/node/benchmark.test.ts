import { UnsupportedDeviceError } from '@swinface/core';
import { expect, test } from 'vitest';
import { benchmark } from '../../src/benchmark/benchmark.js';
import { benchmarkPytorch } from '../../src/benchmark/pytorch.js';
import { tinyRecipe } from './support/tiny.js';

test('a step is timed in all its parts', async () => {
  const times = await benchmark(tinyRecipe(), { device: 'cpu', threads: 1, rounds: 5 });
  expect(times).toMatchObject({ device: 'cpu', batch: tinyRecipe().batch });
  for (const part of ['forward', 'gradient', 'update', 'facesPerSecond'] as const) {
    expect(times[part], part).toBeGreaterThan(0);
  }
  expect(times.gradient).toBeGreaterThan(times.forward);
});

test('without PyTorch, the comparison says what to install', async () => {
  const compared = benchmarkPytorch(tinyRecipe(), { python: 'no-such-python', threads: 1 });
  await expect(compared).rejects.toThrow(UnsupportedDeviceError);
  await expect(compared).rejects.toThrow(/python3-torch/);
});
