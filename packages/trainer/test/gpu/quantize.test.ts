import { fileURLToPath } from 'node:url';
import { networkOf, PRESETS, packModel, placedTasks, RECOGNITION, readWeights, selectOutputs } from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { runReference } from '@swinface/core/reference';
import { requestDevice, WebGpuEngine } from '@swinface/core/webgpu';
import { expectAllClose, syntheticInput, syntheticWeights, testAdapter } from '@swinface/testing';
import { expect, test } from 'vitest';
import { normalizeWeights } from '../../src/quantize/normalize.js';
import { roundWeights } from '../../src/quantize/round-weights.js';

test('int8 weights in normal form are on the GPU what they are in the file', async () => {
  const config = PRESETS['swinface-nano'];
  const network = networkOf(selectOutputs(config));
  const rounded = roundWeights(normalizeWeights(config, syntheticWeights(config)), () => ({
    bits: 8,
    clip: true, // the outermost step is not the largest weight then, only taken by it
    compensate: false,
  }));
  const { manifest, files } = await packModel(
    'nano',
    {
      id: 'nano-int8',
      config,
      synthetic: true,
      crops: [{ zoom: 1, outputs: [RECOGNITION, ...placedTasks(config).map(({ task }) => task.name)] }],
      calibration: { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] },
      licence: 'MIT',
      trainingData: [],
      metrics: {},
    },
    rounded,
    'I8',
  );
  const weights = await readWeights(manifest, async ({ file }) => files.get(file) ?? new Uint8Array());
  const image = syntheticInput('int8 on the GPU', [1, 3, config.image, config.image]);
  const expected = runReference(network, weights, image);
  const { device } = await requestDevice({ adapter: await testAdapter() });
  const engine = await WebGpuEngine.compile({
    device,
    network,
    weights,
    maxFaces: 1,
    storage: 'int8',
    tuning: 'off',
  });
  try {
    const actual = await engine.run(image.data, 1);
    // float32 arithmetic; weights that were rounded once more would differ in the third digit.
    const tolerance = { atol: 1e-4, rtol: 1e-4 };
    expectAllClose(actual.embedding ?? [], expected.embedding?.data ?? [], { ...tolerance, label: 'embedding' });
    expectAllClose(actual.logits ?? [], expected.logits?.data ?? [], { ...tolerance, label: 'logits' });
  } finally {
    engine.dispose();
    device.destroy();
  }
  expect(manifest.tensors['tss.nets.0.feature.0.weight']?.dtype).toBe('I8');
});

test('the default weights, rounded to int8 only as they are loaded, answer nearly as they are', async () => {
  const { manifest, weights } = await readModelFile(
    fileURLToPath(new URL('../../../../models/swinface-nano.json', import.meta.url)),
  );
  const selection = selectOutputs(manifest.config);
  const network = networkOf(selection);
  const images = syntheticInput('default weights in int8', [2, 3, manifest.config.image, manifest.config.image]).data;
  const { device } = await requestDevice({ adapter: await testAdapter() });
  const logitsIn = async (storage: 'f32' | 'int8') => {
    using engine = await WebGpuEngine.compile({ device, network, weights, maxFaces: 2, storage, tuning: 'off' });
    return (await engine.run(images, 2)).logits ?? new Float32Array();
  };
  try {
    const [exact, rounded] = [await logitsIn('f32'), await logitsIn('int8')];
    const apart = selection.tasks.map(({ task, offset }) => {
      const numbers = [0, 1].flatMap((face) =>
        Array.from({ length: task.logits }, (_, i) => {
          const at = face * selection.logits + offset + i;
          return Math.abs((rounded[at] ?? Number.NaN) - (exact[at] ?? Number.NaN));
        }),
      );
      return { task: task.name, apart: Math.max(...numbers) };
    });
    console.log(apart.map(({ task, apart }) => `${task} ${apart.toFixed(2)}`).join(', '));
    expect(apart).toHaveLength(42);
    // 0.1 at most, of logits that reach 10; with the subnets' layers in int8 too they are up to 7 apart.
    for (const { task, apart: most } of apart) expect(most, task).toBeLessThan(0.25);
    expect(rounded).not.toEqual(exact);
  } finally {
    device.destroy();
  }
});
