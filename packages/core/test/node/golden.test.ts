import { networkOf, selectOutputs } from '@swinface/core';
import { type ReferenceTensor, runReference } from '@swinface/core/reference';
import { compareWithGolden, expectAllClose, golden } from '@swinface/testing';
import { expect, test } from 'vitest';

const narrowed = (results: Readonly<Record<string, ReferenceTensor>>) =>
  Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, Float32Array.from(data)]));

test('the reference reproduces the golden outputs and feature maps of swinface-nano, and folding changes nothing', async () => {
  const expected = await golden('swinface-nano');
  const selection = selectOutputs(expected.config);
  const network = networkOf(selection, { levels: true });
  const plain = runReference(network, expected.weights, expected.input);
  const lines = compareWithGolden(expected, selection, narrowed(plain));
  expect(lines).toHaveLength(43 + 4 * 3);
  // Two float64 implementations: only the rounding of the comparison's float32 (6e-8 of values up to 10) is left.
  for (const line of lines) expect(line.max, line.output).toBeLessThan(1e-6);

  const folded = runReference(network.folded, expected.weights, expected.input);
  // Folded weights are rounded to float32: 6e-8 relative per factor, over sums of at most 192 products.
  expectAllClose(folded.embedding?.data ?? [], plain.embedding?.data ?? [], { atol: 1e-6, rtol: 1e-6 });
  expectAllClose(folded.logits?.data ?? [], plain.logits?.data ?? [], { atol: 1e-6, rtol: 1e-6 });
});
