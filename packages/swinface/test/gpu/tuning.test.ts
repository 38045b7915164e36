import { InvalidInputError } from '@swinface/core';
import { WebGpuEngine } from '@swinface/core/webgpu';
import { testAdapter } from '@swinface/testing';
import { FaceAnalyzer, type FaceAnalyzerOptions } from 'swinface';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkedOptions } from '../../src/options.js';
import { AnalyzerService } from '../../src/worker/service.js';
import { loadedModel } from '../support/model.js';

beforeEach(async () => {
  const adapter = await testAdapter();
  vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => adapter } });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const options = async (): Promise<FaceAnalyzerOptions> => ({
  model: await loadedModel(),
  engine: 'webgpu',
  outputs: ['Gender'],
  locator: 'none',
  maxFaces: 1,
});

/** What the network's engine was told, by each call. */
const told = () => {
  const compile = vi.spyOn(WebGpuEngine, 'compile');
  return () => compile.mock.calls.map(([{ tuning }]) => tuning);
};

describe('the option "tuning"', () => {
  it.each(['auto', 'off'] as const)('reaches the engine on this thread: %s', async (tuning) => {
    const compiled = told();
    using _analyzer = await FaceAnalyzer.create({ ...(await options()), thread: 'main', tuning });
    expect(compiled()).toEqual([tuning]);
  });

  it('reaches the engine in a worker', async () => {
    const compiled = told();
    const settings = checkedOptions({ ...(await options()), thread: 'worker', tuning: 'off' });
    const { port1, port2 } = new MessageChannel();
    // What `postMessage` lets through.
    const posted = structuredClone({ ...settings, device: undefined });
    const answer = await new AnalyzerService().open(0, posted, port2);
    expect(answer).toMatchObject({ value: { engine: { kind: 'webgpu' } } });
    expect(compiled()).toEqual(['off']);
    port1.close();
  });

  it('is `auto` by default', async () => {
    expect(checkedOptions(await options()).tuning).toBe('auto');
  });

  it.each(['on', '', null, false])('is not %j', async (tuning) => {
    const creating = FaceAnalyzer.create({ ...(await options()), tuning } as unknown as FaceAnalyzerOptions);
    await expect(creating).rejects.toBeInstanceOf(InvalidInputError);
    await expect(creating).rejects.toThrow(/"tuning".*auto, off/);
  });
});
