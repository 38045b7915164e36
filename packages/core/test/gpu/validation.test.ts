// What only Dawn in Node offers: a backend that validates everything and runs nothing, and a driver known by name.
import { type ModelConfig, networkOf, PRESETS, selectOutputs, UnsupportedDeviceError } from '@swinface/core';
import { WebGpuEngine } from '@swinface/core/webgpu';
import { nullAdapter, syntheticWeights, testAdapter } from '@swinface/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { requestDevice } from '../../src/executors/webgpu/device.js';
import { pipelineCache } from '../../src/executors/webgpu/pipelines.js';
import { defaultChooser, isSupported } from '../../src/executors/webgpu/variants.js';
import { layers, planOf, testDevice } from './harness.js';

const FACE = 3 * 112 * 112;
const modelFor = (config: ModelConfig) => ({
  network: networkOf(selectOutputs(config)),
  weights: syntheticWeights(config),
});

let device: GPUDevice;
beforeAll(async () => {
  device = await testDevice();
});
afterAll(() => device.destroy());
afterEach(() => {
  vi.restoreAllMocks();
});

describe('on the null backend, which validates everything, runs nothing and has 256 MiB', () => {
  let nothing: GPUDevice;
  const uncaught: GPUError[] = [];
  beforeAll(async () => {
    nothing = await (await nullAdapter()).requestDevice();
    nothing.addEventListener('uncapturederror', ({ error }) => uncaught.push(error));
  });
  afterEach(() => {
    expect(uncaught).toEqual([]);
  });

  test.each(Object.values<ModelConfig>(PRESETS).filter(({ name, trunk }) => name !== 'swinface-t' && !trunk))(
    '$name compiles and runs',
    async (config) => {
      using engine = await WebGpuEngine.compile({ device: nothing, ...modelFor(config), maxFaces: 2 });
      expect(engine.statistics.dispatches).toBeLessThanOrEqual(100);
      expect((await engine.run(new Float32Array(FACE), 1)).logits).toHaveLength(selectOutputs(config).logits);
    },
  );

  test('weights that do not fit are refused, with nothing left behind', async () => {
    const create = vi.spyOn(nothing, 'createBuffer');
    const destroy = vi.spyOn(GPUBuffer.prototype, 'destroy');
    const compiled = WebGpuEngine.compile({ device: nothing, ...modelFor(PRESETS['swinface-t']), maxFaces: 1 });
    await expect(compiled).rejects.toThrow(UnsupportedDeviceError);
    await expect(compiled).rejects.toThrow(/no memory left/);
    const created = create.mock.results.filter(({ type }) => type === 'return');
    expect(new Set(destroy.mock.contexts).size).toBe(created.length);
  });
});

test('an adapter gives one device, the second is refused', async () => {
  const adapter = await testAdapter();
  (await requestDevice({ adapter })).device.destroy();
  await expect(requestDevice({ adapter })).rejects.toThrow(UnsupportedDeviceError);
});

test('shaders of half-precision products are valid where there is shader-f16, and left alone elsewhere', async () => {
  const plan = planOf(layers, [1, 11, 32], 1, 'f16');
  const halves = (on: GPUDevice) =>
    plan.kernels.flatMap((kernel) =>
      kernel.variants
        .filter((variant) => variant.name.endsWith('.f16') && isSupported(on, variant))
        .map((variant) => ({ kernel, variant })),
    );
  // SwiftShader has no half-precision arithmetic.
  expect(halves(device)).toEqual([]);
  const { device: validating } = await requestDevice({ adapter: await nullAdapter() });
  const found = halves(validating);
  expect(found).toHaveLength(6);
  for (const { kernel, variant } of found) {
    const accesses = kernel.bindings.map(({ access }) => access);
    await expect(pipelineCache(validating).pipeline(kernel.label, accesses, variant)).resolves.toBeDefined();
  }
  validating.destroy();
});

test('defaults: what is known of software adapters, tiles on GPUs, nothing made for larger sizes', async () => {
  const { device: gpu } = await requestDevice({ adapter: await nullAdapter() });
  const adapterInfo = { ...device.adapterInfo, vendor: 'acme', architecture: 'one', device: '', description: '' };
  const pretended = { adapterInfo: { ...adapterInfo, isFallbackAdapter: false }, features: gpu.features } as GPUDevice;
  const linear = (rows: number) =>
    planOf((ops, x, weight) => ops.linear(x, { weight: weight('fc', [64, 32]) }), [1, rows, 32], 1);
  const chosen = (on: GPUDevice, rows: number) => linear(rows).kernels.map((kernel) => defaultChooser(on)(kernel).name);
  expect(chosen(device, 49)).toEqual(['quad8']);
  expect(chosen(device, 3)).toEqual(['quad4']);
  expect(chosen(pretended, 49)).toEqual(['tile64x32']);
  expect(chosen(pretended, 3)).toEqual(['alone8']);
  gpu.destroy();
});
