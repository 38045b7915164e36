/** The layouts in which training scripts save the same weights. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensorShapes, WeightsInvalidError, writeSafetensors } from '@swinface/core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fitWeights } from '../../../src/convert/fit.js';
import { fromPytorch, withWeightFile } from '../../../src/convert/open.js';
import type { PickleDict, PickleValue } from '../../../src/convert/pickle.js';
import { openPytorch, type PytorchCheckpoint } from '../../../src/convert/pytorch.js';
import { MemorySource } from '../../../src/files/byte-source.js';
import { checkpointFixture, TINY_CHECKPOINT, tinyCheckpointTensor } from '../support/checkpoints.js';

const PARTS = ['backbone', 'fam', 'tss', 'om'];
type Dict = PickleDict;

let checkpoint: PytorchCheckpoint;
/** The authors' parts, and one state_dict of full names. */
let parts: Dict;
let flat: Dict;
beforeAll(async () => {
  checkpoint = await openPytorch(new MemorySource(await readFile(checkpointFixture('tiny.pt'))));
  const root = checkpoint.value as Dict;
  const part = (name: string) => root.get(`state_dict_${name}`) as Dict;
  parts = new Map(PARTS.map((name) => [`state_dict_${name}`, part(name)]));
  flat = new Map(
    PARTS.flatMap((name) =>
      [...part(name)].map(([key, value]) => [`${name}.${String(key).replace(/^module\./, '')}`, value]),
    ),
  );
});

const open = (value: PickleValue) => fromPytorch({ ...checkpoint, value });
const renamed = (dict: Dict, rename: (name: string) => string): Dict =>
  new Map([...dict].map(([name, value]) => [rename(String(name)), value]));

async function expectWeights(value: PickleValue): Promise<void> {
  const { read } = fitWeights(open(value), TINY_CHECKPOINT);
  for (const name of ['backbone.norm.bias', 'om.output_fcs.1.bias', 'fam.nets.1.norm.bias']) {
    expect([...(await read(name)).data], name).toEqual([...tinyCheckpointTensor(name).data]);
  }
}

describe('a checkpoint', () => {
  test.each<[string, () => PickleValue]>([
    ['as one state_dict', () => flat],
    ['of DistributedDataParallel', () => renamed(flat, (name) => `module.${name}`)],
    ['of torch.compile', () => renamed(flat, (name) => `_orig_mod.${name}`)],
    ['of both', () => renamed(flat, (name) => `module._orig_mod.${name}`)],
    ['of both, the other way round', () => renamed(flat, (name) => `_orig_mod.module.${name}`)],
    [
      'whose backbone alone was compiled',
      () => renamed(flat, (name) => name.replace(/^backbone\./, 'backbone._orig_mod.')),
    ],
    [
      'under "state_dict"',
      () =>
        new Map<string, PickleValue>([
          ['epoch', 7],
          ['state_dict', flat],
        ]),
    ],
    [
      'under "model"',
      () =>
        new Map<string, PickleValue>([
          ['model', flat],
          ['optimizer', new Map()],
        ]),
    ],
    [
      'under "model" and "state_dict"',
      () => new Map([['model', new Map([['state_dict', renamed(flat, (n) => `module.${n}`)]])]]),
    ],
    ['with the authors\' parts under "model"', () => new Map([['model', parts]])],
  ])('%s is read', async (_, value) => {
    await expectWeights(value());
  });

  test('what lies beside the weights is named, with the reason', () => {
    const { ignored } = open(
      new Map<string, PickleValue>([
        ['model', flat],
        ['optimizer', new Map()],
        ['model_ema', flat],
      ]),
    );
    expect(ignored.map(({ what }) => what)).toEqual(['optimizer', 'model_ema']);
    expect(ignored[0]?.why).toMatch(/only training needs/);
  });

  test('names that are the same without what was put in front are refused', () => {
    expect(() => open(new Map([...flat, ...renamed(flat, (name) => `module.${name}`)]))).toThrow(WeightsInvalidError);
  });

  test('dicts in dicts without end are refused', () => {
    const endless: Dict = new Map();
    endless.set('model', endless);
    expect(() => fitWeights(open(endless), TINY_CHECKPOINT)).toThrow(WeightsInvalidError);
  });

  test('a whole module is refused, with what to do', () => {
    expect(() => open(null)).toThrow(/state_dict\(\)/);
  });
});

describe('a safetensors file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'swinface-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('of torch.compile is read', async () => {
    const path = join(folder, 'a.safetensors');
    const weights = new Map(
      [...tensorShapes(TINY_CHECKPOINT).keys()].map((name) => [`_orig_mod.${name}`, tinyCheckpointTensor(name)]),
    );
    await writeFile(path, writeSafetensors(weights, 'F32'));
    await withWeightFile(path, async (file) => {
      const tensor = await fitWeights(file, TINY_CHECKPOINT).read('backbone.norm.bias');
      expect([...tensor.data]).toEqual([...tinyCheckpointTensor('backbone.norm.bias').data]);
    });
  });
});
