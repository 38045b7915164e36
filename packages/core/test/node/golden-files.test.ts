/** Golden files of strangers: salted, of other sizes, and wrong. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModelConfig, networkOf, PRESETS, selectOutputs, tensorShapes } from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import { syntheticInput, syntheticTensor } from '@swinface/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parity } from '../../../testing/src/parity.js';

const { name: _, subnets: __, ...sizes } = PRESETS['swinface-nano'];
const recorded = {
  ...sizes,
  embed: 4,
  depths: [1, 2, 1, 1],
  heads: [1, 1, 2, 4],
  feature: 16,
  split: [3, 3, 5, 5],
  reduction: 8,
} as const;
const config: ModelConfig = { ...PRESETS['swinface-nano'], ...recorded };
const SAMPLED = ['backbone.patch_embed.proj.weight', 'backbone.feature.1.running_var', 'om.output_fcs.2.weight'];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'golden-'));
});
afterAll(() => rm(folder, { recursive: true }));

type Recorded = ReturnType<typeof record>;

/** A golden file as an independent implementation would write it, for one way of salting names. */
function record(salt: string, seed: (name: string) => string) {
  const shapes = [...tensorShapes(config)];
  const weights = new Map(shapes.map(([name, shape]) => [name, syntheticTensor(name, shape, seed(name))]));
  const input = syntheticInput(seed('input'), [1, 3, 112, 112]);
  const selection = selectOutputs(config);
  const { embedding, logits, ...levels } = runReference(networkOf(selection, { levels: true }), weights, input);
  const rows = Object.fromEntries(
    selection.tasks.map(({ task, offset }) => [
      task.name,
      [Array.from(logits?.data.subarray(offset, offset + task.logits) ?? [])],
    ]),
  );
  const sum = (values: Float64Array, of: (value: number) => number) => values.reduce((total, v) => total + of(v), 0);
  return {
    config: recorded,
    salt,
    input: { name: 'input', shape: input.shape },
    weights: Object.fromEntries(shapes),
    weight_samples: Object.fromEntries(SAMPLED.map((n) => [n, Array.from(weights.get(n)?.data.subarray(0, 4) ?? [])])),
    input_samples: Array.from(input.data.subarray(0, 8)),
    feature_maps: Object.fromEntries(
      Object.values(levels).map(({ shape, data }, level) => [
        `FM${level + 1}`,
        {
          shape,
          sum: sum(data, (v) => v),
          abs_sum: sum(data, Math.abs),
          head: Array.from(data.subarray(0, 16)),
          tail: Array.from(data.subarray(-16)),
        },
      ]),
    ),
    outputs: { ...rows, Recognition: [Array.from(embedding?.data ?? [])] } as Record<string, number[][]>,
  };
}

async function write(golden: Recorded): Promise<string> {
  const file = join(folder, 'golden.json');
  await writeFile(file, JSON.stringify(golden));
  return file;
}

const before = (name: string) => `pepper${name}`;

test.each([
  ['before', before],
  ['after', (name: string) => `${name}pepper`],
  ['before, with a separator', (name: string) => `pepper:${name}`],
])('a salt %s the name is recognised by the samples', async (_, seed) => {
  const report = await parity(await write(record('pepper', seed)), 'onnx');
  expect(report.passed).toBe(true);
  expect(report.lines).toHaveLength(43 + 4 * 3);
});

test('one wrong value in an output, a feature map or a sum fails the comparison and is named', async () => {
  const changes: [string, (golden: Recorded) => void][] = [
    ['Goatee', (golden) => ((golden.outputs.Goatee as number[][])[0] as number[]).splice(1, 1, 3)],
    ['Recognition', (golden) => ((golden.outputs.Recognition as number[][])[0] as number[]).splice(7, 1, 9)],
    ['FM2 tail', (golden) => golden.feature_maps.FM2?.tail.splice(3, 1, 99)],
    ['FM3 mean', (golden) => Object.assign(golden.feature_maps.FM3 ?? {}, { sum: 1e6 })],
  ];
  const honest = record('pepper', before);
  for (const [output, change] of changes) {
    const golden = structuredClone(honest);
    change(golden);
    const report = await parity(await write(golden), 'onnx');
    expect(report.passed, output).toBe(false);
    expect(report.lines.filter(({ passed }) => !passed).map((line) => line.output)).toEqual([output]);
  }
});

test('a file whose samples cannot be reproduced, or whose tensors are others, is refused', async () => {
  const golden = record('pepper', before);
  await expect(parity(await write({ ...golden, salt: 'salt' }), 'onnx')).rejects.toThrow(
    /do not reproduce the samples/,
  );
  const { 'backbone.norm.bias': __, ...fewer } = golden.weights;
  await expect(parity(await write({ ...golden, weights: fewer }), 'onnx')).rejects.toThrow(/backbone\.norm\.bias/);
  const more = { ...golden.weights, 'backbone.extra': [1] };
  await expect(parity(await write({ ...golden, weights: more }), 'onnx')).rejects.toThrow(/backbone\.extra/);
});
