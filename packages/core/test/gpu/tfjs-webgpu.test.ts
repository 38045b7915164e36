import { networkOf, selectOutputs } from '@swinface/core';
import { TfjsEngine } from '@swinface/core/tfjs';
import {
  compareWithGolden,
  expectAllClose,
  golden,
  syntheticInput,
  syntheticWeights,
  testAdapter,
} from '@swinface/testing';
import '@tensorflow/tfjs-backend-cpu';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CASES } from '../ops/cases.js';
import { checkCase } from '../tfjs/check-case.js';
import { SHALLOW } from '../tfjs/tiny.js';

const network = networkOf(selectOutputs(SHALLOW));
const weights = syntheticWeights(SHALLOW);
const face = syntheticInput('face', [1, 3, 32, 32]).data;
const tiny = (device?: GPUDevice) =>
  TfjsEngine.create({ backend: 'webgpu', network, weights, maxFaces: 1, ...(device ? { device } : {}) });
let device: GPUDevice;

beforeAll(async () => {
  const adapter = await testAdapter();
  device = await adapter.requestDevice();
  // tfjs asks for `navigator.gpu` when it is imported, even where it is handed a device.
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: { requestAdapter: testAdapter } } });
  await tf.setBackend('cpu');
});
afterAll(() => device.destroy());

test('reproduces the golden outputs on a device handed in and leaves no tensors behind', async () => {
  const nano = await golden('swinface-nano');
  const selection = selectOutputs(nano.config);
  const before = tf.memory().numTensors;
  const engine = await TfjsEngine.create({
    backend: 'webgpu',
    device,
    network: networkOf(selection, { levels: true }),
    weights: nano.weights,
    maxFaces: 1,
  });
  expect(tf.getBackend()).toBe('cpu');
  const ready = tf.memory().numTensors;
  const lines = compareWithGolden(nano, selection, await engine.run(nano.input.data.subarray(0, 3 * 112 * 112), 1));
  expect(lines).toHaveLength(43 + 4);
  for (const line of lines) expect(line, line.output).toMatchObject({ passed: true });
  expect(tf.memory().numTensors).toBe(ready);
  engine.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test('engines share the backend of a device, and the last one gives it back', async () => {
  const [first, second] = await Promise.all([tiny(device), tiny(device)]);
  expect(second.backendName).toBe(first.backendName);
  const expected = await first.run(face, 1);
  first.dispose();
  expect(await second.run(face, 1)).toEqual(expected);
  second.dispose();
  expect(tf.findBackend(second.backendName)).toBeNull();

  // The device is its owner's: it still works, and an engine made on it anew does too.
  const third = await tiny(device);
  expectAllClose((await third.run(face, 1)).logits ?? [], expected.logits ?? [], { atol: 1e-6, rtol: 1e-6 });
  third.dispose();
});

describe('TfjsOps on webgpu', () => {
  let engine: TfjsEngine;
  beforeAll(async () => {
    engine = await tiny(device);
    await tf.setBackend(engine.backendName);
  });
  afterAll(async () => {
    await tf.setBackend('cpu');
    engine.dispose();
  });

  test.each(Object.keys(CASES))('%s', checkCase);
});

test('the loss of a device handed in is told as such', async () => {
  const adapter = await testAdapter();
  const doomed = await adapter.requestDevice();
  const engine = await tiny(doomed);
  const run = engine.run(face, 1);
  doomed.destroy();
  await expect(run).rejects.toMatchObject({ code: 'DEVICE_LOST' });
  await expect(engine.run(face, 1)).rejects.toMatchObject({ code: 'DEVICE_LOST' });
  engine.dispose();
});

test("runs on tfjs' own device, which the application may use too, and on a new one after its loss", async () => {
  const engine = await tiny();
  expect(engine.backendName).toBe('webgpu');
  const { embedding } = await engine.run(face, 1);
  (tf.findBackend('webgpu') as WebGPUBackend).device.destroy();
  await expect(engine.run(face, 1)).rejects.toMatchObject({ code: 'DEVICE_LOST' });
  engine.dispose();

  const next = await tiny();
  expect((await next.run(face, 1)).embedding).toEqual(embedding);
  next.dispose();
});
