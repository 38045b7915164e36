import { type HostTensor, type NetworkResults, networkOf, selectOutputs } from '@swinface/core';
import { exportOnnx, exportOnnxParts } from '@swinface/core/onnx';
import { compareWithGolden, GOLDEN_BARS, golden } from '@swinface/testing';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';

async function run(model: Uint8Array, image: HostTensor): Promise<NetworkResults> {
  const session = await InferenceSession.create(model, { executionProviders: ['cpu'], intraOpNumThreads: 1 });
  const outputs = await session.run({ image: new Tensor('float32', image.data, image.shape) });
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
}

test.each([
  { batch: 'dynamic', fold: false },
  { batch: 2, fold: true },
] as const)('the exported network gives the golden outputs: batch $batch, folded $fold', async ({ batch, fold }) => {
  const expected = await golden('swinface-nano');
  const selection = selectOutputs(expected.config);
  const network = networkOf(selection, { levels: true });
  const model = exportOnnx(fold ? network.folded : network, expected.weights, { batch });
  const lines = compareWithGolden(expected, selection, await run(model, expected.input));
  expect(lines).toHaveLength(43 + 4 * 3);
  for (const line of lines) expect(line, JSON.stringify(line)).toMatchObject({ passed: true });
  // The bar is for every adapter; float32 on a CPU stays ten times below it.
  for (const line of lines) expect(line.max, line.output).toBeLessThan(GOLDEN_BARS.atol / 10);
});

test('a dynamic batch takes any number of faces', async () => {
  const expected = await golden('swinface-nano');
  const selection = selectOutputs(expected.config, ['Age', 'Expression']);
  const model = exportOnnx(networkOf(selection), expected.weights);
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  expect(session.outputNames).toEqual(['logits']);
  for (const count of [1, 3]) {
    const image = new Tensor('float32', new Float32Array(count * 3 * 112 * 112).fill(0.25), [count, 3, 112, 112]);
    const { logits } = await session.run({ image });
    expect(logits?.dims).toEqual([count, selection.logits]);
  }
});

test('in pieces it is the same file, and says which columns are which', async () => {
  const expected = await golden('swinface-nano');
  const selection = selectOutputs(expected.config, ['Age', 'Expression']);
  const network = networkOf(selection);
  const whole = Buffer.from(exportOnnx(network, expected.weights));
  expect(Buffer.concat(exportOnnxParts(network, expected.weights)).equals(whole)).toBe(true);
  const [age, expression] = selection.tasks;
  const outputs = JSON.stringify([
    { ...age?.task, offset: 0 },
    { ...expression?.task, offset: 1 },
  ]);
  expect(whole.includes(outputs)).toBe(true);
});

test('an impossible batch size is refused', async () => {
  const expected = await golden('swinface-nano');
  const network = networkOf(selectOutputs(expected.config));
  expect(() => exportOnnx(network, expected.weights, { batch: 0 })).toThrow(/whole number above zero/);
});
