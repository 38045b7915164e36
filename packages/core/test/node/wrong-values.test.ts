/** What functions about weights, configurations and networks say to values that JavaScript lets them pass. */
import {
  arrange,
  decodeFloat16,
  dequantizeRows,
  disarrange,
  embeddingLength,
  fetchModel,
  networkOf,
  packModel,
  packShards,
  parseManifest,
  parseSafetensors,
  placedTasks,
  planShards,
  pyramidBlocks,
  quantizeRows,
  RemoteModel,
  rawOutputs,
  readWeights,
  selectOutputs,
  sha256,
  sizeOf,
  storedAs,
  tensorShapes,
  windowedSides,
  writeSafetensors,
} from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { WasmEngine } from '@swinface/core/wasm';
import { callWrongly, syntheticWeights, WRONG_VALUES } from '@swinface/testing';
import { afterAll, expect, test } from 'vitest';
import { manyShards } from '../delivery/model.js';
import { listen, ModelServer } from '../delivery/server.js';
import { TINY } from '../tfjs/tiny.js';

const { manifest, files } = await manyShards(TINY);
const { format: _, version: __, shards: ___, tensors: ____, ...passport } = manifest;
const weights = syntheticWeights(TINY);
const tensor = { shape: [2, 2], data: new Float32Array(4) };
const readShard = async ({ file }: { file: string }) => files.get(file) ?? new Uint8Array();
const readTensor = async (name: string) => weights.get(name) ?? tensor;

const selection = selectOutputs(TINY);
const network = networkOf(selection);
const engine = await WasmEngine.create({ network, weights, maxFaces: 1 });
afterAll(() => engine.dispose());
const faces = new Float32Array(3 * TINY.image ** 2);
const sliding = { sides: [7, 9], kernel: [3, 3], stride: 2, padding: { top: 1, right: 1, bottom: 1, left: 1 } };
const served = await listen(new ModelServer({ manifest, files }));
afterAll(() => served.close());

/** Each with arguments that it takes. */
const FUNCTIONS: readonly (readonly [name: string, call: (...values: never[]) => unknown, ...right: unknown[]])[] = [
  ['parseSafetensors', parseSafetensors, [...files.values()][0], 'x'],
  ['writeSafetensors', writeSafetensors, new Map([['a', tensor]]), 'F32'],
  ['writeSafetensors of a tensor', (t: never) => writeSafetensors(new Map([['a', t]]), 'F32'), tensor],
  ['decodeFloat16', decodeFloat16, new Uint16Array(3)],
  ['quantizeRows', quantizeRows, tensor],
  ['dequantizeRows', dequantizeRows, quantizeRows(tensor)],
  ['storedAs', storedAs, 'x', [2, 2], 'I8'],
  ['planShards', planShards, TINY, () => 100],
  ['parseManifest', parseManifest, manifest],
  ['readWeights', readWeights, manifest, readShard, ['Recognition']],
  ['packModel', packModel, 'x', passport, weights, 'F32'],
  ['packShards', packShards, 'x', passport, readTensor, 'F32', async () => {}],
  ['sha256', sha256, new Uint8Array(3)],
  ['sizeOf', sizeOf, [2, 3]],
  ['embeddingLength', embeddingLength, TINY],
  ['placedTasks', placedTasks, TINY],
  ['selectOutputs', selectOutputs, TINY, ['Recognition']],
  ['tensorShapes', tensorShapes, TINY],
  ['networkOf', networkOf, selection, { levels: true }],
  ['arrange', arrange, network, weights],
  ['disarrange', disarrange, network, arrange(network, weights)],
  ['rawOutputs', rawOutputs, { embedding: new Float32Array(4), logits: new Float32Array(9) }, 1],
  ['windowedSides', windowedSides, sliding],
  ['windowedSides of paddings', (padding: never) => windowedSides({ ...sliding, padding } as never), sliding.padding],
  ['pyramidBlocks', pyramidBlocks, [7, 7], 3],
  ['WasmEngine.create', WasmEngine.create, { network, weights, maxFaces: 1, threads: 1 }],
  ['WasmEngine.run', engine.run.bind(engine), faces, 1],
  ['fetchModel', fetchModel, served.url, { outputs: ['Recognition'], cache: false }],
  ['RemoteModel.open', RemoteModel.open, served.url, { cache: false }],
  ['readModelFile', readModelFile, new URL('../../../../models/swinface-nano.json', import.meta.url).pathname, {}],
];

const CALLS = FUNCTIONS.map(([name, call, ...right]) => ({ name, call, right }));

test.each(CALLS)('$name answers wrong values with typed errors', async ({ call, right }) => {
  await call(...(right as never[]));
  const { refused, raw } = await callWrongly(call, right);
  expect(raw.slice(0, 3)).toEqual([]);
  expect(refused).toBeGreaterThan(WRONG_VALUES.length / 2);
});
