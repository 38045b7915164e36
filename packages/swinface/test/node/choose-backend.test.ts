import { UnsupportedDeviceError } from '@swinface/core';
import { FaceAnalyzer, type FaceAnalyzerOptions } from 'swinface';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadedModel } from '../support/model.js';

afterEach(() => vi.unstubAllGlobals());

/** An adapter that gives no device, so that whoever wants to use it fails. */
function stubAdapter(info: Partial<GPUAdapterInfo> | null) {
  const requestDevice = vi.fn(() => Promise.reject(new Error('no device today')));
  const adapter = info && {
    info: { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false, ...info },
    limits: {},
    features: new Set(),
    requestDevice,
  };
  vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => adapter } });
  return requestDevice;
}

async function engineOf(options: Partial<FaceAnalyzerOptions> = {}) {
  const model = await loadedModel();
  using analyzer = await FaceAnalyzer.create({
    model,
    outputs: ['Gender'],
    locator: 'none',
    thread: 'main',
    ...options,
  });
  return analyzer.engine;
}

describe('the engine that `auto` takes', () => {
  it.each([
    { vendor: 'google', architecture: 'swiftshader' },
    { vendor: 'mesa', description: 'llvmpipe (LLVM 19.1.7, 256 bits)' },
    { vendor: 'microsoft', description: 'Microsoft Basic Render Driver' },
    { vendor: 'acme', architecture: 'unheard-of', isFallbackAdapter: true },
  ])('is WebAssembly where the only adapter is software: %o', async (info) => {
    const requestDevice = stubAdapter(info);
    const engine = await engineOf();
    expect(engine.kind).toBe('wasm');
    expect(engine.description).toMatch(/^WebAssembly/);
    expect(engine.reason).toContain('software on the CPU');
    expect(engine.reason).toContain(info.architecture ?? info.vendor);
    expect(requestDevice).not.toHaveBeenCalled();
  });

  it('is WebGPU on a GPU, or what comes after it if that fails', async () => {
    const requestDevice = stubAdapter({ vendor: 'apple', architecture: 'metal-3' });
    const engine = await engineOf();
    expect(requestDevice).toHaveBeenCalled();
    expect(engine.kind).toBe('wasm');
    expect(engine.reason).toContain('WebGPU: The adapter apple metal-3 gives no device.');
    expect(engine.reason).not.toContain('software');
  });

  it('is WebAssembly without an adapter, and says so', async () => {
    stubAdapter(null);
    await expect(engineOf()).resolves.toMatchObject({ kind: 'wasm', reason: expect.stringContaining('no adapter') });
  });

  it('is software WebGPU rather than plain JavaScript where WebAssembly is not allowed', async () => {
    const requestDevice = stubAdapter({ vendor: 'google', architecture: 'swiftshader' });
    vi.stubGlobal('WebAssembly', undefined);
    const engine = await engineOf();
    // This adapter gives no device, so what came last is at work; that it was asked is the point.
    expect(requestDevice).toHaveBeenCalled();
    expect(engine.kind).toBe('tfjs');
    expect(engine.reason).toMatch(/swiftshader.*WebAssembly: There is no WebAssembly here.*WebGPU: /);
  });
});

it('`webgpu` means the software adapter too', async () => {
  const requestDevice = stubAdapter({ vendor: 'google', architecture: 'swiftshader' });
  await expect(engineOf({ engine: 'webgpu' })).rejects.toThrow(UnsupportedDeviceError);
  expect(requestDevice).toHaveBeenCalled();
});
