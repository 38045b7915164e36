import { assembleWeights, foldWeights, type ModelOutputs, type RawOutputs, selectOutputs } from '@swinface/core';
import { type ReferenceTensor, runReference } from '@swinface/core/reference';
import { compareWithGolden, expectAllClose, golden } from '@swinface/testing';
import { expect, test } from 'vitest';

const raw = (outputs: ModelOutputs<ReferenceTensor>, count: number): RawOutputs => {
  const f32 = (tensor: ReferenceTensor | undefined) => Float32Array.from(tensor?.data ?? []);
  const [a, b, c, d] = outputs.levels;
  return {
    count,
    embeddings: f32(outputs.embedding),
    logits: f32(outputs.logits),
    levels: [f32(a), f32(b), f32(c), f32(d)],
  };
};

test('the reference reproduces the golden outputs and feature maps of swinface-nano, and folding changes nothing', async () => {
  const expected = await golden('swinface-nano');
  const selection = selectOutputs(expected.config);
  const weights = assembleWeights(selection, expected.weights);
  const unfolded = runReference(selection, weights, expected.input);
  const lines = compareWithGolden(expected, selection, raw(unfolded, 2));
  expect(lines).toHaveLength(43 + 4 * 3);
  // Two float64 implementations: only the rounding of the comparison's float32 (6e-8 of values up to 10) is left.
  for (const line of lines) expect(line.max, line.output).toBeLessThan(1e-6);

  const folded = runReference(selection, foldWeights(weights), expected.input);
  // Folded weights are rounded to float32: 6e-8 relative per factor, over sums of at most 192 products.
  expectAllClose(folded.embedding?.data ?? [], unfolded.embedding?.data ?? [], { atol: 1e-6, rtol: 1e-6 });
  expectAllClose(folded.logits?.data ?? [], unfolded.logits?.data ?? [], { atol: 1e-6, rtol: 1e-6 });
});
