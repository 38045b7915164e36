import { assembleWeights, foldWeights, type HostTensor, type RawOutputs, selectOutputs } from '@swinface/core';
import { exportOnnx, exportOnnxParts } from '@swinface/core/onnx';
import { compareWithGolden, GOLDEN_BARS, golden } from '@swinface/testing';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';

async function run(model: Uint8Array, image: HostTensor): Promise<RawOutputs> {
  const session = await InferenceSession.create(model, { executionProviders: ['cpu'], intraOpNumThreads: 1 });
  const outputs = await session.run({ image: new Tensor('float32', image.data, image.shape) });
  const values = (name: string) => outputs[name]?.data as Float32Array;
  return {
    count: image.shape[0] as number,
    embeddings: values('embedding'),
    logits: values('logits'),
    levels: [values('level1'), values('level2'), values('level3'), values('level4')],
  };
}

test.each([
  { batch: 'dynamic', fold: false },
  { batch: 2, fold: true },
] as const)('the exported network gives the golden outputs: batch $batch, folded $fold', async ({ batch, fold }) => {
  const expected = await golden('swinface-nano');
  const selection = selectOutputs(expected.config);
  const weights = assembleWeights(selection, expected.weights);
  const model = exportOnnx(selection, fold ? foldWeights(weights) : weights, { batch, levels: true });
  const lines = compareWithGolden(expected, selection, await run(model, expected.input));
  expect(lines).toHaveLength(43 + 4 * 3);
  for (const line of lines) expect(line, JSON.stringify(line)).toMatchObject({ passed: true });
  // The bar is for every adapter; float32 on a CPU stays ten times below it.
  for (const line of lines) expect(line.max, line.output).toBeLessThan(GOLDEN_BARS.atol / 10);
});

test('a dynamic batch takes any number of faces', async () => {
  const expected = await golden('swinface-nano');
  const selection = selectOutputs(expected.config, ['Age', 'Expression']);
  const model = exportOnnx(selection, assembleWeights(selection, expected.weights));
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
  const weights = assembleWeights(selection, expected.weights);
  const whole = Buffer.from(exportOnnx(selection, weights));
  expect(Buffer.concat(exportOnnxParts(selection, weights)).equals(whole)).toBe(true);
  const [age, expression] = selection.tasks;
  const outputs = JSON.stringify([
    { ...age?.task, offset: 0 },
    { ...expression?.task, offset: 1 },
  ]);
  expect(whole.includes(outputs)).toBe(true);
});

test('an impossible batch size is refused', async () => {
  const expected = await golden('swinface-nano');
  const selection = selectOutputs(expected.config);
  const weights = assembleWeights(selection, expected.weights);
  expect(() => exportOnnx(selection, weights, { batch: 0 })).toThrow(/whole number above zero/);
});
