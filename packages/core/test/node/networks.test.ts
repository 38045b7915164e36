import type { Network } from '@swinface/core';
import { blazeFaceNetwork, faceMeshNetwork, mobileFaceNetwork } from '@swinface/core/convolutional';
import { exportOnnx } from '@swinface/core/onnx';
import { syntheticTensor } from '@swinface/testing';
import { expect, test } from 'vitest';
import { record } from '../../src/executors/record.js';
import { fuse } from '../../src/graph/fuse.js';

const nothing = (shape: readonly number[]) => ({ shape, data: new Float32Array() });

test.each([
  {
    network: blazeFaceNetwork('short'),
    outputs: { scores0: [256, 2], boxes0: [256, 32], scores1: [64, 6], boxes1: [64, 96] },
  },
  { network: blazeFaceNetwork('full'), outputs: { scores0: [2304, 1], boxes0: [2304, 16] } },
  { network: faceMeshNetwork(), outputs: { landmarks: [1, 1404], presence: [1, 1] } },
  { network: mobileFaceNetwork(), outputs: { embedding: [1, 512] } },
])('$network.name says its outputs, and fuses for any executor', ({ network, outputs }) => {
  expect(Object.fromEntries(network.outputs.map(({ name, shape }) => [name, shape]))).toEqual(outputs);
  expect(network.folded).toBe(network);
  const recorded = record(network, 2, (_, { shape }) => nothing(shape));
  expect(recorded.outputs.map(({ shape }) => shape)).toEqual(Object.values(outputs).map((shape) => [2, ...shape]));
  const fused = fuse(recorded.outputs);
  // Every weight is read, and activations and residual sums are drawn into what stands before them.
  expect(new Set(fused.flatMap(({ tensors }) => tensors)).size).toBe(network.weights.size);
  const lone = fused.filter(({ op }) => op === 'elementwise');
  expect(lone.length).toBeLessThanOrEqual(network.name === 'blazeface-full' ? 3 : 0);
});

test('a network without choices is exported with its outputs by name', () => {
  const network: Network = blazeFaceNetwork('short');
  const weights = new Map([...network.tensors].map(([name, shape]) => [name, syntheticTensor(name, shape)]));
  const text = Buffer.from(exportOnnx(network, weights)).toString('latin1');
  for (const { name } of network.outputs) expect(text).toContain(name);
});
