import { arrange, networkOf, PRESETS, selectOutputs } from '@swinface/core';
import { syntheticWeights } from '@swinface/testing';
import { expect, test } from 'vitest';
import { record } from '../../src/executors/record.js';
import { foldDispatch, type Value } from '../../src/executors/webgpu/kernel.js';
import { lower, type Plan } from '../../src/executors/webgpu/lower.js';
import { planMemory } from '../../src/executors/webgpu/memory.js';
import { fuse } from '../../src/graph/fuse.js';
import { pick } from '../../src/networks/network.js';
import { planOf } from './harness.js';

const MAX_FACES = 2;

function planOfNano(levels: boolean): Plan {
  const config = PRESETS['swinface-nano'];
  const network = networkOf(selectOutputs(config), { levels }).folded;
  const weights = arrange(network, syntheticWeights(config));
  const { input, outputs } = record(network, MAX_FACES, (path) => pick(weights, path));
  return lower(input, outputs, fuse(outputs), { maxFaces: MAX_FACES, storage: 'f32' });
}

test.each([false, true])('no value is overwritten while it is still needed (levels kept: %s)', (keepLevels) => {
  const plan = planOfNano(keepLevels);
  const { lengths, bufferOf } = planMemory(plan);
  const buffer = (value: Value) => bufferOf.get(value) ?? Number.NaN;
  const tenant = new Map<number, Value>([[buffer(plan.input), plan.input]]);
  for (const { label, bindings } of plan.kernels) {
    const reads = bindings.flatMap(({ access, resource }) =>
      access === 'read' && resource.kind === 'value' ? [resource] : [],
    );
    const writes = bindings.flatMap(({ access, resource }) => (access === 'write' ? [resource] : []));
    expect(writes, label).toHaveLength(1);
    for (const value of reads) expect(tenant.get(buffer(value)), `${label} reads ${value.label}`).toBe(value);
    for (const value of writes) {
      // WebGPU refuses a dispatch that reads and writes one buffer.
      expect(reads.map(buffer), label).not.toContain(buffer(value));
      expect(lengths[buffer(value)], label).toBeGreaterThanOrEqual(value.length);
      tenant.set(buffer(value), value);
    }
  }
  for (const output of plan.outputs) expect(tenant.get(buffer(output)), output.label).toBe(output);
});

test('buffers are shared: a quarter more memory than the most that one kernel and the input need', () => {
  const plan = planOfNano(false);
  const total = (all: Iterable<number>) => [...all].reduce((sum, length) => sum + length, 0);
  const { lengths } = planMemory(plan);
  // fc2 of the first block: the token map of 56 x 56 x 24, its hidden layer of four times the width, and the sum.
  const tokens = MAX_FACES * 56 * 56 * 24;
  const needed = MAX_FACES * 3 * 112 * 112 + 6 * tokens;
  expect(total(lengths)).toBeGreaterThanOrEqual(needed);
  expect(total(lengths)).toBeLessThan(1.25 * needed);
});

test('kernels are named after the weights they apply', () => {
  const labels = planOfNano(false).kernels.map(({ label }) => label);
  expect(labels.slice(0, 7)).toEqual([
    'patch_embed.proj',
    'layers.0.blocks.0.attn.qkv',
    'layers.0.blocks.0.attn',
    'layers.0.blocks.0.attn.proj',
    'layers.0.blocks.0.mlp.fc1',
    'layers.0.blocks.0.mlp.fc2',
    'layers.0.downsample.reduction',
  ]);
  expect(labels).toContain('subnets.convs.3');
  expect(new Set(labels).size).toBe(labels.length);
});

test('what one kernel computes is computed once, however many read it', () => {
  const plan = planOf(
    (ops, x, weight) => {
      const shared = ops.linear(x, { weight: weight('a.weight', [4, 4]) });
      return ops.add(shared, ops.linear(shared, { weight: weight('b.weight', [4, 4]) }));
    },
    [1, 4],
    1,
  );
  expect(plan.kernels.map(({ label }) => label)).toEqual(['a', 'b']);
});

test.each([
  [1, 10, [1, 1]],
  [10, 10, [10, 1]],
  [11, 10, [6, 2]],
  [100, 10, [10, 10]],
  [65536, 65535, [32768, 2]],
])('%i workgroups, at most %i per dimension', (workgroups, limit, expected) => {
  expect(foldDispatch(workgroups, limit)).toEqual(expected);
});
