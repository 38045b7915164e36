import { type ModelConfig, networkOf, PRESETS, type SwinConfig, selectOutputs } from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import { WasmEngine } from '@swinface/core/wasm';
import { compareWithGolden, expectAllClose, golden, syntheticInput, syntheticWeights } from '@swinface/testing';
import { describe, expect, it } from 'vitest';

/** A network of every operation that takes the float64 reference no time. */
const TINY: SwinConfig = {
  ...PRESETS['swinface-nano'],
  name: 'tiny',
  embed: 4,
  depths: [1, 1, 2, 1],
  heads: [1, 1, 2, 2],
  feature: 20,
  embedding: 12,
  split: [3, 4, 6, 7],
  reduction: 4,
};

async function tiny(maxFaces: number, config: ModelConfig = TINY, names?: readonly string[]) {
  const network = networkOf(selectOutputs(config, names), { levels: true });
  const weights = syntheticWeights(config);
  const engine = await WasmEngine.create({ network, weights, maxFaces });
  return { network, weights, engine };
}

const faces = (count: number) => syntheticInput('input', [count, 3, 112, 112]);

describe('WasmEngine', () => {
  it.each(['swinface-nano', 'swinface-t'] as const)(
    'reproduces the golden outputs of %s',
    async (name) => {
      const expected = await golden(name);
      const selection = selectOutputs(expected.config);
      const network = networkOf(selection, { levels: true });
      const engine = await WasmEngine.create({ network, weights: expected.weights, maxFaces: 2 });
      const lines = compareWithGolden(expected, selection, await engine.run(expected.input.data, 2));
      engine.dispose();
      expect(lines.length).toBeGreaterThan(50);
      expect(lines.filter(({ passed }) => !passed)).toEqual([]);
      // Two float32 networks' worth of rounding, not the bar's room for other adapters.
      expect(Math.max(...lines.map(({ max }) => max))).toBeLessThan(2e-5);
    },
    300_000,
  );

  it('agrees with the reference on every face, in passes of four and what is left', async () => {
    const { network, weights, engine } = await tiny(7);
    const input = faces(7);
    const expected = runReference(network, weights, input);
    for (const count of [7, 1, 4]) {
      const size = input.data.length / 7;
      const actual = await engine.run(input.data.subarray(0, count * size), count);
      // Sums of at most 36 terms of float32 through five blocks.
      const close = { atol: 2e-5, rtol: 1e-4 };
      expect(Object.keys(actual)).toEqual(['embedding', 'logits', 'level1', 'level2', 'level3', 'level4']);
      for (const [name, { data }] of Object.entries(expected)) {
        expectAllClose(actual[name] ?? [], data.subarray(0, (data.length / 7) * count), { ...close, label: name });
      }
    }
    engine.dispose();
  });

  it('serves overlapping calls one after another', async () => {
    const { engine } = await tiny(2);
    const input = faces(2).data;
    const both = await engine.run(input, 2);
    const first = input.subarray(0, input.length / 2);
    const second = input.subarray(input.length / 2);
    const [a, b] = await Promise.all([engine.run(first, 1), engine.run(second, 1)]);
    expect([...(a.logits ?? []), ...(b.logits ?? [])]).toEqual([...(both.logits ?? [])]);
    engine.dispose();
  });

  it('computes only what is selected', async () => {
    const { network, weights, engine } = await tiny(1, TINY, ['Age', 'Eyeglasses']);
    const input = faces(1);
    const actual = await engine.run(input.data, 1);
    expect(actual.embedding).toBeUndefined();
    const expected = runReference(network, weights, input);
    expectAllClose(actual.logits ?? [], expected.logits?.data ?? [], { atol: 2e-5, rtol: 1e-4, label: 'logits' });
    engine.dispose();
  });

  it('lets other tasks pass while it computes', async () => {
    const config = PRESETS['swinface-small'];
    const network = networkOf(selectOutputs(config, ['Recognition']));
    const engine = await WasmEngine.create({ network, weights: syntheticWeights(config), maxFaces: 8 });
    let passed = 0;
    const timer = setInterval(() => passed++, 1);
    await engine.run(faces(8).data, 8);
    clearInterval(timer);
    engine.dispose();
    // 8 faces take far more than ten slices of 12 ms.
    expect(passed).toBeGreaterThan(5);
  });

  it('says what is wrong with its arguments', async () => {
    const { engine } = await tiny(2);
    await expect(engine.run(new Float32Array(5), 1)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(engine.run(faces(2).data, 3)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(tiny(0)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(tiny(1, { ...TINY, feature: 18, split: [3, 4, 5, 6], reduction: 2 })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('multiples of 4'),
    });
    const pending = engine.run(faces(1).data, 1);
    engine.dispose();
    await expect(pending).rejects.toMatchObject({ code: 'DISPOSED' });
    await expect(engine.run(faces(1).data, 1)).rejects.toMatchObject({ code: 'DISPOSED' });
    expect(engine.bytes).toBe(0);
  });

  it('refuses weights of another network, naming the tensor', async () => {
    const network = networkOf(selectOutputs(TINY));
    const weights = syntheticWeights({ ...TINY, embedding: 16 });
    await expect(WasmEngine.create({ network, weights, maxFaces: 1 })).rejects.toMatchObject({
      code: 'WEIGHTS_INVALID',
      message: expect.stringContaining('backbone.feature.2.weight'),
    });
  });
});
