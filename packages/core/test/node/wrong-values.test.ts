/** What functions about weights and configurations say to values that JavaScript lets them pass. */
import {
  decodeFloat16,
  dequantizeRows,
  embeddingLength,
  packModel,
  packShards,
  parseManifest,
  parseSafetensors,
  placedTasks,
  planShards,
  quantizeRows,
  readWeights,
  selectOutputs,
  sha256,
  sizeOf,
  storedAs,
  tensorShapes,
  writeSafetensors,
} from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { callWrongly, syntheticWeights, WRONG_VALUES } from '@swinface/testing';
import { expect, test } from 'vitest';
import { manyShards } from '../delivery/model.js';
import { TINY } from '../tfjs/tiny.js';

const { manifest, files } = await manyShards(TINY);
const { format: _, version: __, shards: ___, tensors: ____, ...passport } = manifest;
const weights = syntheticWeights(TINY);
const tensor = { shape: [2, 2], data: new Float32Array(4) };
const readShard = async ({ file }: { file: string }) => files.get(file) ?? new Uint8Array();
const readTensor = async (name: string) => weights.get(name) ?? tensor;

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
  ['readModelFile', readModelFile, new URL('../../../../models/swinface-nano.json', import.meta.url).pathname, {}],
];

const CALLS = FUNCTIONS.map(([name, call, ...right]) => ({ name, call, right }));

test.each(CALLS)('$name answers wrong values with typed errors', async ({ call, right }) => {
  await call(...(right as never[]));
  const { refused, raw } = await callWrongly(call, right);
  expect(raw.slice(0, 3)).toEqual([]);
  expect(refused).toBeGreaterThan(WRONG_VALUES.length / 2);
});
