import { networkOf, RECOGNITION, selectOutputs } from '@swinface/core';
import { WebGpuEngine } from '@swinface/core/webgpu';
import { compareWithGolden, golden } from '@swinface/testing';
import { expect, test } from 'vitest';
import { testDevice } from './harness.js';

test('swinface-t: the first golden face, in at most 100 dispatches', async () => {
  const expected = await golden('swinface-t');
  const selection = selectOutputs(expected.config);
  const network = networkOf(selection, { levels: true });
  const device = await testDevice();
  using engine = await WebGpuEngine.compile({ device, network, weights: expected.weights, maxFaces: 1 });
  const lines = compareWithGolden(
    expected,
    selection,
    await engine.run(expected.input.data.subarray(0, 3 * 112 * 112), 1),
  );
  expect(lines).toHaveLength(43 + 4);
  for (const line of lines) expect(line, line.output).toMatchObject({ passed: true });
  const worst = lines.reduce((a, b) => (a.max > b.max ? a : b));
  const embedding = lines.find(({ output }) => output === RECOGNITION);
  console.log(`swinface-t: ${worst.output} differs most, by ${worst.max}; cosine ${embedding?.cosine}`);
  expect(engine.statistics.dispatches).toBeLessThanOrEqual(100);
  device.destroy();
});
