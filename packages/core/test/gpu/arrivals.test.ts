import { networkOf, PRESETS, type StoredWeights, selectOutputs } from '@swinface/core';
import { WebGpuEngine } from '@swinface/core/webgpu';
import { syntheticInput, syntheticWeights } from '@swinface/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readStored } from '../../src/weights/read.js';
import { manyShards, type ServedModel } from '../delivery/model.js';
import { testDevice } from './harness.js';

const config = PRESETS['swinface-nano'];
let device: GPUDevice;
let model: ServedModel;

beforeAll(async () => {
  device = await testDevice();
  model = await manyShards(config);
});
afterAll(() => device.destroy());

/** The model's shards as they are read from a site. */
async function* parts(onPull: (shard: number) => void = () => {}): AsyncGenerator<StoredWeights> {
  for (const [index, { file }] of model.manifest.shards.entries()) {
    onPull(index);
    yield await readStored(model.manifest, index, model.files.get(file) ?? new Uint8Array());
  }
}

describe('weights that arrive shard by shard', () => {
  test.each([undefined, ['Recognition'], ['Age', 'Eyeglasses']])(
    'give for %s, to the bit, what all of them at once give',
    async (outputs) => {
      const network = networkOf(selectOutputs(config, outputs));
      const images = syntheticInput('input', [1, 3, config.image, config.image]).data;
      const run = async (weights: Parameters<typeof WebGpuEngine.compile>[0]['weights']) => {
        using engine = await WebGpuEngine.compile({ device, network, weights, maxFaces: 1 });
        return await engine.run(images, 1);
      };
      const whole = await run(syntheticWeights(config));
      expect(await run(parts())).toEqual(whole);
    },
  );

  test('are on the GPU before the next is asked for', async () => {
    const network = networkOf(selectOutputs(config));
    let uploaded = 0;
    const atPull: number[] = [];
    const engine = await WebGpuEngine.compile({
      device,
      network,
      weights: parts(() => atPull.push(uploaded)),
      maxFaces: 1,
      onProgress: (fraction) => {
        uploaded = fraction;
      },
    });
    engine.dispose();
    const [trunk, head, firstSubnet] = atPull as [number, number, number];
    expect(atPull).toHaveLength(model.manifest.shards.length);
    expect(trunk).toBe(0);
    expect(head).toBeGreaterThan(0.3); // The whole trunk.
    expect(firstSubnet).toBeGreaterThan(head);
    // The subnets' weights lie in one stack, which needs all of them.
    for (const fraction of atPull.slice(2)) expect(fraction).toBe(firstSubnet);
    expect(uploaded).toBe(1);
  });

  test('and end too early are refused, naming what is missing', async () => {
    const some = async function* () {
      for await (const part of parts()) {
        yield part;
        return;
      }
    };
    const compiling = WebGpuEngine.compile({
      device,
      network: networkOf(selectOutputs(config)),
      weights: some(),
      maxFaces: 1,
    });
    await expect(compiling).rejects.toThrow(/end without the tensor backbone\.norm\.weight/);
  });

  test('and fail on the way fail the compilation with the same error', async () => {
    const error = new Error('the line is dead');
    const broken = async function* () {
      for await (const part of parts()) {
        yield part;
        throw error;
      }
    };
    const compiling = WebGpuEngine.compile({
      device,
      network: networkOf(selectOutputs(config)),
      weights: broken(),
      maxFaces: 1,
    });
    await expect(compiling).rejects.toBe(error);
  });
});
