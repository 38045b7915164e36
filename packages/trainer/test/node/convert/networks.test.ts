/** Networks whose weights other people's packages ship, against those packages' own graphs. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Network, type WeightMap, WeightsInvalidError } from '@swinface/core';
import {
  BLAZEFACE_SIDE,
  type BlazeFaceRange,
  blazeFace,
  blazeFaceNetwork,
  FACE_MESH_SIDE,
  faceMesh,
  faceMeshNetwork,
  MOBILEFACE_SIDE,
  mobileFace,
  mobileFaceNetwork,
} from '@swinface/core/convolutional';
import { ReferenceOps, type ReferenceTensor, toReference } from '@swinface/core/reference';
import { WasmEngine } from '@swinface/core/wasm';
import { expectAllClose, syntheticInput } from '@swinface/testing';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { convertFaceLocator, mediaPipeFile } from '../../../src/convert/face-locator.js';
import { mediaPipeWeights } from '../../../src/convert/mediapipe.js';
import { MOBILEFACE_SOURCE, mobileFaceWeights } from '../../../src/convert/mobileface.js';
import { runTflite } from './support/run-tflite.js';

const require = createRequire(import.meta.url);
const folderOf = (name: string) => dirname(require.resolve(`${name}/package.json`));

const reader =
  (weights: WeightMap) =>
  (name: string, shape: readonly number[]): ReferenceTensor => {
    const tensor = weights.get(name);
    if (!tensor) throw new Error(`${name} is missing`);
    expect(tensor.shape, name).toEqual(shape);
    return toReference(tensor);
  };

/** A picture of one name, planar [1, 3, side, side] and interleaved [side, side, 3], in [-1, 1). */
function picture(side: number): { readonly planar: ReferenceTensor; readonly interleaved: Float64Array } {
  const planar = toReference(syntheticInput('picture', [1, 3, side, side]));
  const interleaved = Float64Array.from({ length: planar.data.length }, (_, i) => {
    const value = planar.data[(i % 3) * side * side + Math.floor(i / 3)];
    return value ?? Number.NaN;
  });
  return { planar, interleaved };
}

/** The bar of every executor against float64, whatever the network. */
const BAR = { atol: 2e-3, rtol: 1e-3 };

/** What the WebAssembly engine gives for one picture. */
async function runWasm(network: Network, weights: WeightMap, picture: ReferenceTensor) {
  const engine = await WasmEngine.create({ network, weights, maxFaces: 1 });
  const results = await engine.run(Float32Array.from(picture.data), 1);
  engine.dispose();
  return results;
}

/** Both sides compute in float64 from the same numbers; only the order of sums differs. */
const FLOAT64 = { atol: 1e-9, rtol: 1e-9 };

test('the face locator beside the models is what its sources convert to', async () => {
  const folder = join(import.meta.dirname, '../../../../../models');
  for (const [name, bytes] of await convertFaceLocator()) {
    const kept = await readFile(join(folder, name));
    expect(kept.equals(bytes), `${name} differs: npm run face-locator writes it`).toBe(true);
  }
});

test.each(['short', 'full'] as BlazeFaceRange[])(
  'blazeFace of the %s range computes what its file does',
  async (range) => {
    const file = await mediaPipeFile(`blazeface-${range}`);
    const weights = mediaPipeWeights(`blazeface-${range}`, file);
    const side = BLAZEFACE_SIDE[range];
    const { planar, interleaved } = picture(side);
    const levels = blazeFace(new ReferenceOps(), range, reader(weights), planar);
    const expected = [...runTflite(file, interleaved).values()];
    const joined = (part: 'scores' | 'boxes') => levels.flatMap((level) => [...level[part].data]);
    // The regressor comes first in both files.
    expectAllClose(joined('boxes'), expected[0]?.data ?? [], { ...FLOAT64, label: 'boxes' });
    expectAllClose(joined('scores'), expected[1]?.data ?? [], { ...FLOAT64, label: 'scores' });
    const network = blazeFaceNetwork(range);
    const fast = await runWasm(network, weights, planar);
    levels.forEach(({ scores, boxes }, level) => {
      expectAllClose(fast[`scores${level}`] ?? [], scores.data, { ...BAR, label: `WebAssembly: scores ${level}` });
      expectAllClose(fast[`boxes${level}`] ?? [], boxes.data, { ...BAR, label: `WebAssembly: boxes ${level}` });
    });
    const names = network.tensors;
    expect([...weights.keys()].sort()).toEqual([...names.keys()].sort());
  },
);

test('faceMesh computes what its file does', async () => {
  const file = await mediaPipeFile('face-mesh');
  const weights = mediaPipeWeights('face-mesh', file);
  const { planar, interleaved } = picture(FACE_MESH_SIDE);
  const { landmarks, presence } = faceMesh(new ReferenceOps(), reader(weights), planar);
  const expected = runTflite(file, interleaved);
  expectAllClose(landmarks.data, expected.get('conv2d_21')?.data ?? [], { ...FLOAT64, label: 'landmarks' });
  expectAllClose(presence.data, expected.get('conv2d_31')?.data ?? [], { ...FLOAT64, label: 'presence' });
  const network = faceMeshNetwork();
  const fast = await runWasm(network, weights, planar);
  expectAllClose(fast.landmarks ?? [], landmarks.data, { ...BAR, label: 'WebAssembly: landmarks' });
  expectAllClose(fast.presence ?? [], presence.data, { ...BAR, label: 'WebAssembly: presence' });
  const names = network.tensors;
  expect([...weights.keys()].sort()).toEqual([...names.keys()].sort());
});

test('mobileFace computes what ONNX Runtime makes of its file', async () => {
  const file = await readFile(join(folderOf(MOBILEFACE_SOURCE.package), MOBILEFACE_SOURCE.file));
  const weights = mobileFaceWeights(file);
  const { data, shape } = syntheticInput('picture', [1, 3, MOBILEFACE_SIDE, MOBILEFACE_SIDE]);
  const { embedding } = mobileFace(new ReferenceOps(), reader(weights), toReference({ data, shape }));
  const fast = await runWasm(mobileFaceNetwork(), weights, toReference({ data, shape }));
  expectAllClose(fast.embedding ?? [], embedding.data, { ...BAR, label: 'WebAssembly: embedding' });
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1 });
  const outputs = await session.run({ input: new Tensor('float32', data, shape) });
  await session.release();
  // ONNX Runtime computes in float32: 1e-4 is what the trunk is held to.
  expectAllClose(embedding.data, outputs.output?.data as Float32Array, {
    atol: 1e-4,
    rtol: 1e-4,
    label: 'embedding',
  });
});

test('a file of another network is refused by name', async () => {
  const file = await mediaPipeFile('blazeface-short');
  expect(() => mediaPipeWeights('face-mesh', file)).toThrow(WeightsInvalidError);
  expect(() => mediaPipeWeights('blazeface-full', file)).toThrow(/is not blazeface-full/);
  expect(() => mobileFaceWeights(file)).toThrow(WeightsInvalidError);
  expect(() => mediaPipeWeights('face-mesh', new Uint8Array(100))).toThrow(/no TFLite file/);
  expect(() => mediaPipeWeights('blazeface-short', file.subarray(0, 200_000))).toThrow(WeightsInvalidError);
});
