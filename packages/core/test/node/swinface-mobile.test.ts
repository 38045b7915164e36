import {
  type MobileFaceConfig,
  networkOf,
  PRESETS,
  packModel,
  parseManifest,
  placedTasks,
  RECOGNITION,
  readWeights,
  selectOutputs,
  WeightsInvalidError,
} from '@swinface/core';
import { mobileFace } from '@swinface/core/convolutional';
import { exportOnnx } from '@swinface/core/onnx';
import { ReferenceOps, runReference, toReference } from '@swinface/core/reference';
import { TfjsEngine } from '@swinface/core/tfjs';
import { WasmEngine } from '@swinface/core/wasm';
import { expectAllClose, syntheticInput, syntheticWeights, TINY_MOBILE } from '@swinface/testing';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';

const MOBILE = PRESETS['swinface-mobile'];

/** What files say of themselves, as far as it matters here. */
const passportOf = (config: MobileFaceConfig) => ({
  id: config.name,
  config,
  synthetic: true,
  crops: [{ zoom: 1, outputs: [RECOGNITION] }],
  calibration: { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] },
  licence: 'none',
  trainingData: [],
  metrics: {},
});

const NAMES = ['embedding', 'logits', 'level1', 'level2', 'level3', 'level4'];
const FACES = 3;
const input = syntheticInput('input', [FACES, 3, 32, 32]);
const weights = syntheticWeights(TINY_MOBILE);
const tiny = (names?: readonly string[]) => networkOf(selectOutputs(TINY_MOBILE, names), { levels: true });

/** Float32 through some thirty layers of at most 108 terms. */
const CLOSE = { atol: 2e-5, rtol: 1e-4 };

function expectReference(actual: Readonly<Record<string, ArrayLike<number>>>, names?: readonly string[]): void {
  const expected = runReference(tiny(names), weights, input);
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, { data }] of Object.entries(expected)) {
    expect(
      data.some((value) => Math.abs(value) > 1e-3),
      name,
    ).toBe(true);
    expectAllClose(actual[name] ?? [], data, { ...CLOSE, label: name });
  }
}

describe('swinface-mobile', () => {
  test("gives the trunk's embedding and the 42 tasks, from levels of the sizes of MobileFaceNet", () => {
    const network = networkOf(selectOutputs(MOBILE), { levels: true });
    expect(network.levels).toEqual([
      { channels: 64, side: 28 },
      { channels: 128, side: 14 },
      { channels: 128, side: 14 },
      { channels: 512, side: 7 },
    ]);
    expect(Object.fromEntries(network.outputs.map(({ name, shape }) => [name, shape]))).toEqual({
      embedding: [512],
      logits: [88],
      level1: [784, 64],
      level2: [196, 128],
      level3: [196, 128],
      level4: [49, 512],
    });
    expect(placedTasks(MOBILE)).toHaveLength(42);
  });

  test('weighs at most 6 MB in float16', async () => {
    const { manifest, files } = await packModel('mobile', passportOf(MOBILE), syntheticWeights(MOBILE), 'F16');
    const bytes = [...files.values()].reduce((sum, file) => sum + file.byteLength, 0);
    expect(bytes).toBeLessThan(6e6);
    expect(bytes).toBeGreaterThan(5e6);
    // The manifest brings the config back, and a file ends where the trunk does: not every page asks for an identity.
    expect(parseManifest(JSON.parse(JSON.stringify(manifest))).config).toEqual(MOBILE);
    const inTrunk = ([name]: readonly [string, unknown]) => /^backbone\.(?!pool|embedding)/.test(name);
    const own = Object.entries(manifest.tensors).filter(([, { shard }]) => shard === 0);
    expect(own.length).toBeGreaterThan(100);
    expect(own.every(inTrunk)).toBe(true);
  });

  test('what is read of int8 files is what was written, step for step', async () => {
    const { manifest, files } = await packModel('tiny', passportOf(TINY_MOBILE), weights, 'I8');
    const stored = await readWeights(manifest, async ({ file }) => files.get(file) ?? new Uint8Array());
    expect(stored.get('backbone.stages.1.0.expand.weight')?.data).not.toEqual(
      weights.get('backbone.stages.1.0.expand.weight')?.data,
    );
    expect(manifest.tensors['backbone.stem.weight']?.dtype).toBe('F16');
    for (const [name, { shape, data }] of weights) {
      const row = data.length / (shape[0] ?? 1);
      stored.get(name)?.data.forEach((value, i) => {
        const start = Math.floor(i / row) * row;
        const largest = Math.max(...data.subarray(start, start + row).map(Math.abs));
        expect(Math.abs(value - (data[i] as number)), `${name} ${i}`).toBeLessThanOrEqual(largest / 253 + 1e-6);
      });
    }
  });

  test('its identity is that of the network for recognition alone', () => {
    const synthetic = syntheticWeights(MOBILE);
    const face = syntheticInput('face', [1, 3, 112, 112]);
    const { embedding } = runReference(networkOf(selectOutputs(MOBILE, [RECOGNITION])), synthetic, face);
    const tensor = (name: string) => {
      const found = synthetic.get(`backbone.${name}`);
      if (!found) throw new Error(`${name} is missing`);
      return toReference(found);
    };
    const alone = mobileFace(new ReferenceOps(), tensor, toReference(face));
    expect(embedding?.shape).toEqual([1, 512]);
    expectAllClose(embedding?.data ?? [], alone.embedding.data, { atol: 1e-9, rtol: 1e-9 });
  });

  test.each([undefined, [RECOGNITION], ['Age', 'Goatee']])('WebAssembly equals the reference: %j', async (names) => {
    const engine = await WasmEngine.create({ network: tiny(names), weights, maxFaces: FACES });
    const results = await engine.run(input.data, FACES);
    engine.dispose();
    if (!names) expect(Object.keys(results)).toEqual(NAMES);
    expectReference(results, names);
  });

  test.each([false, true])('ONNX equals the reference: folded %s', async (fold) => {
    const model = exportOnnx(fold ? tiny().folded : tiny(), weights);
    const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
    const outputs = await session.run({ image: new Tensor('float32', input.data, input.shape) });
    expectReference(
      Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array])),
    );
  });

  test('TensorFlow.js equals the reference', async () => {
    const engine = await TfjsEngine.create({ backend: 'wasm', network: tiny(), weights, maxFaces: FACES });
    expectReference(await engine.run(input.data, FACES));
    engine.dispose();
  });
});

describe('a config that names its trunk', () => {
  const manifest = (change: (config: Record<string, unknown>) => void) => {
    const config = JSON.parse(JSON.stringify(MOBILE)) as Record<string, unknown>;
    change(config);
    return () => parseManifest({ format: 'swinface', version: 1, id: 'x', config });
  };

  test.each<[string, (config: Record<string, unknown>) => void, RegExp]>([
    ['a trunk nobody knows', (c) => Object.assign(c, { trunk: { kind: 'vgg' } }), /config\.trunk\.kind/],
    ['no trunk at all', (c) => Object.assign(c, { trunk: null }), /config\.trunk/],
    ['a stem too wide', (c) => Object.assign(c.trunk as object, { stem: 1e6 }), /config\.trunk\.stem/],
    ['two stages', (c) => Object.assign(c.trunk as object, { stages: [] }), /config\.trunk\.stages/],
    [
      'blocks beyond counting',
      (c) => Object.assign((c.trunk as { stages: object[] }).stages[1] as object, { blocks: 65 }),
      /blocks/,
    ],
    ['sizes of the other trunk beside it', (c) => Object.assign(c, { depths: [1, 1, 1, 1] }), /config\.depths/],
    ['a picture that four strides do not divide', (c) => Object.assign(c, { image: 120 }), /multiple of 16/],
    ['a split that does not add up', (c) => Object.assign(c, { split: [8, 16, 24, 8] }), /split to add up/],
  ])('is refused with %s', (_, change, message) => {
    const parse = manifest(change);
    expect(parse).toThrow(WeightsInvalidError);
    expect(parse).toThrow(message);
  });
});
