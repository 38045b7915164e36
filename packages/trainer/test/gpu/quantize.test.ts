import {
  assembleWeights,
  foldWeights,
  PRESETS,
  packModel,
  placedTasks,
  RECOGNITION,
  readWeights,
  selectOutputs,
} from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import { requestDevice, WebGpuEngine } from '@swinface/core/webgpu';
import { expectAllClose, nodeAdapter, syntheticInput, syntheticWeights } from '@swinface/testing';
import { expect, test } from 'vitest';
import { normalizeWeights } from '../../src/quantize/normalize.js';
import { roundWeights } from '../../src/quantize/round-weights.js';

test('int8 weights in normal form are on the GPU what they are in the file', async () => {
  const config = PRESETS['swinface-nano'];
  const selection = selectOutputs(config);
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
  const weights = assembleWeights(
    selection,
    await readWeights(manifest, async ({ file }) => files.get(file) ?? new Uint8Array()),
  );
  const image = syntheticInput('int8 on the GPU', [1, 3, config.image, config.image]);
  const expected = runReference(selection, weights, image);
  const { device } = await requestDevice({ adapter: await nodeAdapter() });
  const engine = await WebGpuEngine.compile({
    device,
    selection,
    weights: foldWeights(weights),
    maxFaces: 1,
    storage: 'int8',
    tuning: 'off',
  });
  try {
    const actual = await engine.run(image.data, 1);
    // float32 arithmetic; weights that were rounded once more would differ in the third digit.
    const tolerance = { atol: 1e-4, rtol: 1e-4 };
    expectAllClose(actual.embeddings ?? [], expected.embedding?.data ?? [], { ...tolerance, label: 'embedding' });
    expectAllClose(actual.logits ?? [], expected.logits?.data ?? [], { ...tolerance, label: 'logits' });
  } finally {
    engine.dispose();
    device.destroy();
  }
  expect(manifest.tensors['tss.nets.0.feature.0.weight']?.dtype).toBe('I8');
});
