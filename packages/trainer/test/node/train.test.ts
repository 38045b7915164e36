import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arrange, disarrange, type HostTensor, networkOf, selectOutputs, tensorShapes } from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import { expectAllClose, syntheticWeights } from '@swinface/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ATTRIBUTE_TASKS } from '../../src/data/labels.js';
import { checkpointPath, readAverages, type ValidationState } from '../../src/engine/checkpoint.js';
import { TrainingStep } from '../../src/engine/step.js';
import { initialWeights } from '../../src/graph/parameters.js';
import { train } from '../../src/train/train.js';
import { everythingRecipe, TINY, TINY_IDENTITIES, TinySource, tinyRecipe } from './support/tiny.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-train-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A checkpoint without the one thing that must differ: the time it took. */
async function contents(run: string): Promise<{ state: Record<string, unknown>; tensors: Buffer }> {
  const bytes = await readFile(checkpointPath(run));
  const end = 4 + bytes.readUInt32LE(0);
  const { elapsed, ...state } = JSON.parse(bytes.subarray(4, end).toString()) as Record<string, unknown>;
  expect(elapsed).toBeGreaterThan(0);
  return { state, tensors: bytes.subarray(end) };
}

describe('train', () => {
  const sitting = { device: 'cpu', threads: 1 } as const;

  test('three steps, a checkpoint and three more equal six steps, bit for bit', async () => {
    const [straight, resumed] = [join(folder, 'straight'), join(folder, 'resumed')];
    const whole = await train(tinyRecipe(), new TinySource(), { ...sitting, out: straight });
    expect(whole).toMatchObject({ step: 6, skipped: 0, finished: true });
    const half = await train(tinyRecipe(), new TinySource(), { ...sitting, out: resumed, stopAfter: 3 });
    expect(half).toMatchObject({ step: 3, finished: false });
    await train(tinyRecipe(), new TinySource(), { ...sitting, out: resumed, resume: true });
    const [a, b] = [await contents(straight), await contents(resumed)];
    expect(b.state).toEqual(a.state);
    expect(b.tensors.equals(a.tensors)).toBe(true);
  });

  test('so do runs with every method on: Muon, sampled identities, dynamic weights, adaptive thresholds', async () => {
    const recipe = everythingRecipe({
      objectives: { ...everythingRecipe().objectives, weighting: 'dynamic' },
      optimizer: { ...everythingRecipe().optimizer, method: 'muon' },
    });
    const [straight, resumed] = [join(folder, 'straight'), join(folder, 'resumed')];
    const options = () => ({ ...sitting, ...TINY_IDENTITIES, validation: new TinySource() });
    await train(recipe, new TinySource(), { ...options(), out: straight });
    await train(recipe, new TinySource(), { ...options(), out: resumed, stopAfter: 3 });
    await train(recipe, new TinySource(), { ...options(), out: resumed, resume: true });
    const [a, b] = [await contents(straight), await contents(resumed)];
    expect(b.state).toEqual(a.state);
    expect(b.tensors.equals(a.tensors)).toBe(true);
    const { weights, thresholds } = a.state.validation as ValidationState;
    expect(Object.keys(weights).sort()).toEqual([...ATTRIBUTE_TASKS].sort());
    expect(Object.values(thresholds).some((threshold) => threshold !== 0.5)).toBe(true);
  });

  test.each(['adamw', 'muon'] as const)('what is frozen stays, and the rest learns: %s', async (method) => {
    const recipe = tinyRecipe({ frozen: ['patch_embed', 'layers.0'], length: { steps: 2 } });
    const initial = initialWeights(TINY, recipe.seed);
    const optimizer = { ...recipe.optimizer, method };
    await train({ ...recipe, optimizer }, new TinySource(), { ...sitting, out: folder, initial });
    const { tensors } = await readAverages(checkpointPath(folder));
    const moved = [...disarrange(networkOf(selectOutputs(TINY)), tensors)].flatMap(([name, { data }]) =>
      data.some((value, i) => value !== initial.get(name)?.data[i]) ? [name] : [],
    );
    expect(moved.filter((name) => /^backbone\.(patch_embed|layers\.0)\./.test(name))).toEqual([]);
    const rest = [...tensorShapes(TINY).keys()].filter((name) => !/^backbone\.(patch_embed|layers\.0)\./.test(name));
    expect(moved).toEqual(rest);
  });

  test('statistics of what is frozen stay too, and are what it is normalised by', async () => {
    const recipe = tinyRecipe({ frozen: ['subnets'], length: { steps: 2 } });
    const initial = initialWeights(TINY, recipe.seed);
    await train(recipe, new TinySource(), { ...sitting, out: folder, initial });
    const { tensors } = await readAverages(checkpointPath(folder));
    const moved = [...disarrange(networkOf(selectOutputs(TINY)), tensors)].flatMap(([name, { data }]) =>
      data.some((value, i) => value !== initial.get(name)?.data[i]) ? [name] : [],
    );
    expect(moved.filter((name) => /^(fam|tss|om)\./.test(name))).toEqual([]);
    expect(moved).toContain('backbone.feature.1.running_mean');
  });

  test('held-out faces are measured as the network answers: running statistics, nothing switched off', async () => {
    const recipe = tinyRecipe({ regularization: { dropPath: 0.3, dropout: 0.5 } });
    const weights = syntheticWeights(TINY);
    const selection = selectOutputs(TINY);
    const step = await TrainingStep.create(selection, weights, recipe, { device: 'cpu', threads: 1 });
    const batch = await new TinySource().next();
    const measured = await step.measure(batch, 0);
    const image = { shape: [4, 3, TINY.image, TINY.image], data: batch.images };
    const expected = runReference(networkOf(selection), weights, image).logits?.data ?? [];
    // Float32 through six blocks, as in the gradients' comparison.
    expectAllClose(measured.logits, expected, { atol: 1e-4, rtol: 1e-4, label: 'logits' });
    expect((await step.measure(batch, 5)).losses).toEqual(measured.losses);
    expect((await step.run(batch, 0, 1)).logits).not.toEqual(measured.logits);
    await step.dispose();
  });

  test('a name that nothing begins with is no parameter to freeze', async () => {
    const recipe = tinyRecipe({ frozen: ['layers.9'] });
    await expect(train(recipe, new TinySource(), { ...sitting, out: folder })).rejects.toThrow(/layers\.9/);
  });

  test('another seed ends elsewhere', async () => {
    const [one, other] = [join(folder, 'one'), join(folder, 'other')];
    await train(tinyRecipe({ length: { steps: 1 } }), new TinySource(), { ...sitting, out: one });
    await train(tinyRecipe({ length: { steps: 1 }, seed: 4 }), new TinySource(), { ...sitting, out: other });
    expect((await contents(other)).tensors.equals((await contents(one)).tensors)).toBe(false);
  });

  test('a step that is not finite is skipped, counted and reported', async () => {
    const lines: string[] = [];
    const summary = await train(tinyRecipe({ length: { steps: 4 } }), new TinySource(4, [1, 2]), {
      ...sitting,
      out: folder,
      print: (line) => lines.push(line),
    });
    expect(summary).toMatchObject({ step: 4, skipped: 2, finished: true });
    expect(lines.filter((line) => /skipped \([12] so far\)/.test(line))).toHaveLength(2);
    expect((await contents(folder)).state).toMatchObject({ step: 4, updates: 2, skipped: 2 });
    // What was skipped must not have touched the weights.
    const { tensors } = await contents(folder);
    const header = Number(tensors.readBigUInt64LE(0));
    const values = new Float32Array(new Uint8Array(tensors.subarray(8 + header)).buffer);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  test('it learns: the loss of a repeated batch falls', async () => {
    class OneBatch extends TinySource {
      override async next() {
        this.restore({ step: 0 });
        return super.next();
      }
    }
    const losses = async (steps: number): Promise<Record<string, number>> => {
      const out = join(folder, String(steps));
      const recipe = tinyRecipe({ length: { steps }, regularization: { dropPath: 0, dropout: 0 } });
      await train(recipe, new OneBatch(), { ...sitting, out });
      const log = (await readFile(join(out, 'log.jsonl'), 'utf8')).trim().split('\n');
      return (JSON.parse(log.at(-1) ?? '{}') as { losses: Record<string, number> }).losses;
    };
    const [first, mean] = [await losses(1), await losses(60)];
    // Means over the whole run, its untrained start included.
    for (const task of ['Recognition', 'Age']) {
      expect(mean[task], task).toBeLessThan(0.6 * (first[task] ?? 0));
    }
  });

  test('a run is not overwritten by accident', async () => {
    const recipe = tinyRecipe({ length: { steps: 1 } });
    await train(recipe, new TinySource(), { ...sitting, out: folder });
    await expect(train(recipe, new TinySource(), { ...sitting, out: folder })).rejects.toThrow(/already holds a run/);
  });

  test('a checkpoint of another network is refused by tensor name', async () => {
    const recipe = tinyRecipe({ length: { steps: 1 } });
    await train(recipe, new TinySource(), { ...sitting, out: folder });
    const wider = tinyRecipe({ model: { ...TINY, mlp: 2 } });
    await expect(train(wider, new TinySource(), { ...sitting, out: folder, resume: true })).rejects.toThrow(/mlp\.fc1/);
  });
});

test('the checkpoint names come back from the stacked parameters', () => {
  const weights = syntheticWeights(TINY);
  const network = networkOf(selectOutputs(TINY));
  const back = disarrange(network, arrange(network, weights));
  expect([...back.keys()]).toEqual([...tensorShapes(TINY).keys()]);
  for (const [name, { shape, data }] of back) {
    expect(shape, name).toEqual(weights.get(name)?.shape);
    expect(data, name).toEqual(weights.get(name)?.data);
  }
});

test('initial weights keep the size of signals and favour no class', () => {
  const weights = initialWeights(TINY, 1);
  const spread = (name: string) => {
    const { data } = weights.get(name) as HostTensor;
    return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
  };
  // 4 x 16 normal draws: their deviation is within a third of 1 / sqrt(4).
  expect(spread('backbone.layers.0.blocks.0.mlp.fc1.weight')).toBeGreaterThan(0.33);
  expect(spread('backbone.layers.0.blocks.0.mlp.fc1.weight')).toBeLessThan(0.67);
  expect(weights.get('backbone.feature.1.weight')?.data.every((value) => value === 1)).toBe(true);
  expect(weights.get('backbone.feature.3.running_var')?.data.every((value) => value === 1)).toBe(true);
  expect(spread('tss.nets.0.feature.3.weight')).toBeLessThan(1);
  expect(spread('om.output_fcs.0.bias')).toBe(0);
});
