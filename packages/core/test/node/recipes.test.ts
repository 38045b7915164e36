import { arrange, disarrange, type HostTensor, networkOf, selectOutputs, tensorShapes } from '@swinface/core';
import { syntheticWeights } from '@swinface/testing';
import { describe, expect, test } from 'vitest';
import { pick } from '../../src/networks/network.js';
import { TINY } from '../tfjs/tiny.js';

const weights = syntheticWeights(TINY);

describe.each(
  [undefined, ['Recognition'], ['Age', 'Smiling'], ['Young']].flatMap((outputs) =>
    [false, true].map((folded) => ({ outputs, folded })),
  ),
)('weights for $outputs, folded: $folded', ({ outputs, folded }) => {
  const whole = networkOf(selectOutputs(TINY, outputs));
  const network = folded ? whole.folded : whole;

  test('are made from the tensors that they name, and have the shapes that they say', () => {
    for (const [path, { shape, sources, make }] of network.weights) {
      const asked = new Set<string>();
      const made = make((source) => {
        asked.add(source);
        return pick(weights, source);
      });
      expect(made.shape, path).toEqual(shape);
      expect(made.data, path).toHaveLength(shape.reduce((a, b) => a * b, 1));
      for (const source of asked) expect([...sources.keys()], path).toContain(source);
      for (const [source, sourceShape] of sources) expect(weights.get(source)?.shape).toEqual(sourceShape);
    }
  });

  test('name every tensor that is needed, and no other', () => {
    const named = new Set([...network.weights.values()].flatMap(({ sources }) => [...sources.keys()]));
    expect([...named].sort()).toEqual([...network.tensors.keys()].sort());
  });
});

test('subnets are stacked, task outputs joined in the order of the logits', () => {
  const selection = selectOutputs({
    ...TINY,
    extraTasks: [{ subnet: 'Age', task: { name: 'Extra', kind: 'sigmoid', logits: 3 } }],
  });
  const network = networkOf(selection);
  const tensors = syntheticWeights(selection.config);
  const arranged = arrange(network, tensors);
  const [first, second] = [0, 1].map((s) => pick(tensors, `tss.nets.${s}.feature.0.weight`));
  const stacked = pick(arranged, 'subnets.tss.0.weight');
  expect(stacked.shape).toEqual([TINY.subnets.length, ...(first?.shape ?? [])]);
  expect(stacked.data.subarray(0, 2 * (first?.data.length ?? 0))).toEqual(
    Float32Array.from([...(first?.data ?? []), ...(second?.data ?? [])]),
  );
  for (const { index, offset, task } of selection.tasks) {
    const { data } = pick(tensors, `om.output_fcs.${index}.bias`);
    expect(pick(arranged, 'subnets.output_fcs.bias').data.subarray(offset, offset + task.logits)).toEqual(data);
  }
});

test('both halves of a fold are right in any order, and when asked again', () => {
  const network = networkOf(selectOutputs(TINY)).folded;
  const tensor = (name: string): HostTensor => pick(weights, name);
  const made = (path: string) => pick(network.weights, path).make(tensor);
  const expected = arrange(network, weights);
  for (const half of ['bias', 'weight', 'weight', 'weight', 'bias', 'bias'] as const) {
    const path = `recognition.feature.0.${half}`;
    expect(made(path), half).toEqual(expected.get(path));
  }
});

test('the tensors can be had back from weights that are not folded', () => {
  const network = networkOf(selectOutputs(TINY));
  const back = disarrange(network, arrange(network, weights));
  expect([...back.keys()]).toEqual([...tensorShapes(TINY).keys()]);
  for (const [name, { shape, data }] of back) {
    expect(shape, name).toEqual(weights.get(name)?.shape);
    expect(data, name).toEqual(weights.get(name)?.data);
  }
  expect(() => disarrange(network.folded, arrange(network.folded, weights))).toThrow(/recognition\.feature/);
  expect(() => disarrange(network, new Map())).toThrow(/cannot be had back/);
});
