import { networkOf, selectOutputs } from '@swinface/core';
import { TfjsEngine } from '@swinface/core/tfjs';
import { compareWithGolden, expectAllClose, golden } from '@swinface/testing';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu'; // the application's own backend here
import { beforeEach, describe, expect, test } from 'vitest';

const nano = await golden('swinface-nano');
const selection = selectOutputs(nano.config);
const { weights } = nano;
const face = nano.input.data.subarray(0, 3 * 112 * 112);

beforeEach(() => tf.setBackend('cpu'));

/** Engine for one output, which is quick to make. */
const small = (options: Partial<Parameters<typeof TfjsEngine.create>[0]> = {}) => {
  const network = networkOf(selectOutputs(nano.config, ['Recognition']));
  return TfjsEngine.create({ backend: 'wasm', network, weights, maxFaces: 2, ...options });
};

describe.each(['wasm', 'cpu'] as const)('TfjsEngine on %s', (backend) => {
  test('reproduces the golden outputs and leaves no tensors behind', async () => {
    const before = tf.memory().numTensors;
    const network = networkOf(selection, { levels: true });
    const engine = await TfjsEngine.create({ backend, network, weights, maxFaces: 2 });
    const ready = tf.memory().numTensors;

    const lines = compareWithGolden(nano, selection, await engine.run(nano.input.data, 2));
    expect(lines).toHaveLength(43 + 4 * 3);
    for (const line of lines) expect(line, line.output).toMatchObject({ passed: true });
    expect(tf.memory().numTensors).toBe(ready);

    engine.dispose();
    engine.dispose();
    expect(tf.memory().numTensors).toBe(before);
    await expect(engine.run(face, 1)).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});

describe('TfjsEngine', () => {
  test('gives the same for one face as for two', async () => {
    const engine = await TfjsEngine.create({ backend: 'wasm', network: networkOf(selection), weights, maxFaces: 2 });
    const both = await engine.run(nano.input.data, 2);
    const one = await engine.run(face, 1);
    engine.dispose();
    expect(Object.keys(one).sort()).toEqual(['embedding', 'logits']);
    // float32 sums in another order.
    const tolerance = { atol: 1e-4, rtol: 1e-4 };
    expectAllClose(one.embedding ?? [], both.embedding?.subarray(0, 64) ?? [], tolerance);
    expectAllClose(one.logits ?? [], both.logits?.subarray(0, selection.logits) ?? [], tolerance);
  });

  test('computes only what was selected', async () => {
    const engine = await small();
    const raw = await engine.run(face, 1);
    engine.dispose();
    expect(Object.keys(raw).sort()).toEqual(['embedding']);
  });

  test('leaves the application its backend, and answers runs that overlap', async () => {
    const [engine, other] = await Promise.all([small(), small()]);
    expect(tf.getBackend()).toBe('cpu');
    const second = nano.input.data.subarray(face.length);
    const runs = [engine.run(face, 1), other.run(second, 1), engine.run(face, 1)];
    expect(tf.getBackend()).toBe('cpu');
    const [a, b, c] = (await Promise.all(runs)).map(({ embedding }) => embedding ?? new Float32Array());
    const expected = nano.outputs.Recognition;
    expectAllClose(a ?? [], expected?.[0] ?? [], { atol: 2e-3, rtol: 1e-3 });
    expectAllClose(b ?? [], expected?.[1] ?? [], { atol: 2e-3, rtol: 1e-3 });
    expect(c).toEqual(a);
    engine.dispose();
    // The other engine keeps its own weights.
    expect((await other.run(face, 1)).embedding).toEqual(a);
    other.dispose();
  });

  test('says that it was disposed to a run in flight', async () => {
    const engine = await small();
    const run = engine.run(face, 1);
    engine.dispose();
    await expect(run).rejects.toMatchObject({ code: 'DISPOSED' });
  });

  test('predicts from tensor to tensor, inside tidy and out', async () => {
    const engine = await small();
    const images = tf.tensor4d(nano.input.data, [2, 3, 112, 112]);
    const before = tf.memory().numTensors;
    const outputs = engine.predict(images);
    expect(outputs.embedding?.shape).toEqual([2, 64]);
    const values = await outputs.embedding?.data();
    expectAllClose(values ?? [], (nano.outputs.Recognition ?? []).flat(), { atol: 2e-3, rtol: 1e-3 });
    for (const tensor of Object.values(outputs)) tensor.dispose();
    expect(tf.memory().numTensors).toBe(before);

    const norm = tf.tidy(() => tf.norm(engine.predict(images).embedding ?? []));
    expect(tf.memory().numTensors).toBe(before + 1);
    // A second call inside the tidy must not find the engine's weights gone.
    expect((await engine.run(face, 1)).embedding?.length).toBe(64);
    tf.dispose([images, norm]);
    engine.dispose();
    expect(() => engine.predict(images)).toThrow(/disposed/);
  });

  test('refuses what it cannot compute, naming what would do', async () => {
    await expect(small({ maxFaces: 0 })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const engine = await small();
    await expect(engine.run(face, 2)).rejects.toMatchObject({ code: 'INVALID_INPUT', actual: '37632' });
    await expect(engine.run(face, 3)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      expected: 'an integer within 1..2',
    });
    await expect(engine.run(face, 0)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(engine.run(face, 0.5)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(engine.run([...face] as never, 1)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const wrong = tf.zeros<tf.Rank.R4>([1, 112, 112, 3]);
    expect(() => engine.predict(wrong)).toThrow(/\[B, 3, 112, 112\]/);
    wrong.dispose();
    engine.dispose();
  });
});

describe('where a backend cannot run', () => {
  // Node has neither a GPU adapter of its own nor a canvas.
  test.each(['webgpu', 'webgl'] as const)('%s is refused instead of replaced by another', async (backend) => {
    const before = tf.memory().numTensors;
    await expect(small({ backend })).rejects.toMatchObject({ code: 'UNSUPPORTED_DEVICE' });
    expect(tf.getBackend()).toBe('cpu');
    expect(tf.memory().numTensors).toBe(before);
  });
});
