import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidInputError, WeightsInvalidError } from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { syntheticTensor } from '@swinface/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { manyShards, type ServedModel } from '../delivery/model.js';
import { TINY } from '../tfjs/tiny.js';

let folder: string;
let model: ServedModel;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
  model = await manyShards(TINY);
  path = join(folder, 'model.json');
  await writeFile(path, JSON.stringify(model.manifest));
  for (const [file, bytes] of model.files) await writeFile(join(folder, file), bytes);
});
afterAll(() => rm(folder, { recursive: true }));

test('reads what a browser would fetch', async () => {
  const { manifest, weights, delivery } = await readModelFile(path);
  expect(manifest).toEqual(model.manifest);
  expect(delivery).toBeUndefined();
  expect([...weights.keys()].sort()).toEqual(Object.keys(manifest.tensors).sort());
  for (const [name, { shape, data }] of weights) expect({ shape, data }, name).toEqual(syntheticTensor(name, shape));
});

test('reads only the shards that the outputs need', async () => {
  const [, head, ...subnets] = model.manifest.shards;
  const read = await readModelFile(path, { outputs: ['Recognition'] });
  for (const { file } of subnets) await rm(join(folder, file));
  expect([...(await readModelFile(path, { outputs: ['Recognition'] })).weights.keys()]).toEqual([
    ...read.weights.keys(),
  ]);
  await expect(readModelFile(path)).rejects.toThrow(InvalidInputError);
  await expect(readModelFile(path)).rejects.toThrow(/safetensors cannot be read.*shards beside it/);
  await writeFile(join(folder, head?.file ?? ''), 'something else');
  await expect(readModelFile(path, { outputs: ['Recognition'] })).rejects.toThrow(WeightsInvalidError);
});

test('says what is no manifest', async () => {
  await expect(readModelFile(join(folder, 'nothing.json'))).rejects.toThrow(/nothing\.json cannot be read/);
  const page = join(folder, 'page.json');
  await writeFile(page, '<!doctype html>');
  await expect(readModelFile(page)).rejects.toThrow(/page\.json is no manifest.*JSON.*<!doctype html>/);
});
