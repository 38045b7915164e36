import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ModelConfig,
  networkOf,
  PRESETS,
  selectOutputs,
  tensorShapes,
  type WeightMap,
  writeSafetensors,
} from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { runReference } from '@swinface/core/reference';
import { compareWithGolden, expectAllClose, golden, syntheticInput, syntheticWeights } from '@swinface/testing';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ConvertFormat, convert } from '../../../src/convert/index.js';
import type { PickleDict } from '../../../src/convert/pickle.js';
import { openPytorch, type PickledTensor } from '../../../src/convert/pytorch.js';
import { MemorySource } from '../../../src/files/byte-source.js';
import { checkpointFixture, TINY_CHECKPOINT, tinyCheckpointTensor } from '../support/checkpoints.js';
import { pickle, text, zip } from '../support/pickles.js';

const config = TINY_CHECKPOINT;
const file = checkpointFixture('tiny.pt');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-convert-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function expectTinyWeights(weights: WeightMap): void {
  expect([...weights.keys()].sort()).toEqual([...tensorShapes(config).keys()].sort());
  for (const [name, tensor] of weights) {
    const { shape, data } = tinyCheckpointTensor(name);
    expect(tensor.shape, name).toEqual(shape);
    // The generator in Python and the one here round alike up to the last bit of float32.
    expectAllClose(tensor.data, data, { atol: 1e-7, rtol: 1e-7, label: name });
  }
}

/** Where a zip entry's bytes start: after its name and the padding whose length stands before the name. */
function entryStart(archive: Buffer, name: string): number {
  for (let at = archive.indexOf(name); at >= 0; at = archive.indexOf(name, at + 1)) {
    if (archive.readUInt16LE(at - 4) === name.length) return at + name.length + archive.readUInt16LE(at - 2);
  }
  throw new Error(`There is no ${name}.`);
}

/** Outputs of an exported graph. */
async function runOnnx(path: string, image: { shape: readonly number[]; data: Float32Array }) {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1 });
  const { embedding, logits } = await session.run({ image: new Tensor('float32', image.data, image.shape) });
  await session.release();
  return { embedding: embedding?.data as Float32Array, logits: logits?.data as Float32Array };
}

describe('a checkpoint that PyTorch wrote', () => {
  test('becomes a model with the same numbers, whatever their layout, type and storage', async () => {
    const { files, format } = await convert({ file, out: join(folder, 'models/tiny'), config, licence: 'for tests' });
    expect(format).toBe('PyTorch checkpoint');
    expect(files.at(-1)).toBe(join(folder, 'models/tiny.json'));
    const { manifest, weights } = await readModelFile(join(folder, 'models/tiny.json'));
    expect(manifest).toMatchObject({ config, synthetic: false, licence: 'for tests', metrics: {} });
    expect(manifest.id).toMatch(/^tiny-[0-9a-f]{8}$/);
    expectTinyWeights(weights);
    expect((await readdir(join(folder, 'models'))).sort()).toEqual(
      [...manifest.shards.map((shard) => shard.file), 'tiny.json'].sort(),
    );
  });

  test('leaves out what only training needs, and says so', async () => {
    const lines: string[] = [];
    const { ignored } = await convert({ file, out: join(folder, 'tiny'), config, print: (line) => lines.push(line) });
    const tensors = Object.fromEntries(ignored.map((entry) => [entry.what, entry.tensors]));
    expect(tensors).toEqual({
      state_dict_softmax_fc: 1,
      state_optimizer: 18, // three heads of weight and bias: step and two moments each
      state_lr_scheduler: 0,
      epoch: 0,
      global_step: 0,
      local_step: 0,
      'backbone.head.*': 2,
      '*.relative_position_index': 5,
      '*.attn_mask': 1,
      '*.num_batches_tracked': 4,
    });
    expect(lines).toContain("ignored state_optimizer (18 tensors): the optimiser's state, which only training needs");
    expect(lines[0]).toMatch(/tiny\.pt: PyTorch checkpoint, \d+ tensors, fits tiny$/);
  });

  test("is read where weights are: the optimiser's numbers may be missing or wrong", async () => {
    const bytes = await readFile(file);
    const { value } = await openPytorch(new MemorySource(bytes));
    const optimizer = (value as PickleDict).get('state_optimizer') as PickleDict;
    const moments = [...(optimizer.get('state') as PickleDict).values()].flatMap((state) => [
      ...(state as PickleDict).values(),
    ]) as PickledTensor[];
    expect(moments).toHaveLength(18);
    for (const { storage } of moments) {
      const start = entryStart(bytes, `tiny/data/${storage.key}`);
      bytes.fill(0xff, start, start + 4 * storage.elements);
    }
    const changed = join(folder, 'changed.pt');
    await writeFile(changed, bytes);
    await convert({ file: changed, out: join(folder, 'tiny'), config });
    expectTinyWeights((await readModelFile(join(folder, 'tiny.json'))).weights);
  });

  test.each(['pytorch', 'safetensors'] as const)('survives the way to %s and back', async (to) => {
    const [written] = (await convert({ file, out: join(folder, 'there'), config, to })).files;
    await convert({ file: written ?? '', out: join(folder, 'back'), config });
    expectTinyWeights((await readModelFile(join(folder, 'back.json'))).weights);
  });

  test('a manifest carries network and passport along', async () => {
    await convert({ file, out: join(folder, 'tiny'), config, licence: 'kept' });
    const { config: fitted } = await convert({ file: join(folder, 'tiny.json'), out: join(folder, 'again/same') });
    expect(fitted).toEqual(config);
    const { manifest, weights } = await readModelFile(join(folder, 'again/same.json'));
    expect(manifest).toMatchObject({ licence: 'kept', config });
    expectTinyWeights(weights);
  });

  test('gives an ONNX graph that answers as the reference does', async () => {
    const [path] = (await convert({ file, out: join(folder, 'tiny'), config, to: 'onnx' })).files;
    const image = syntheticInput('a face', [3, 3, config.image, config.image]);
    const actual = await runOnnx(path ?? '', image);
    const weights = new Map([...tensorShapes(config).keys()].map((name) => [name, tinyCheckpointTensor(name)]));
    const selection = selectOutputs(config);
    const { embedding, logits } = runReference(networkOf(selection), weights, image);
    // Float32 against float64; numbers are of the order of one, the age of forty.
    expectAllClose(actual.embedding, embedding?.data ?? [], { atol: 2e-5, rtol: 2e-5, label: 'embedding' });
    expectAllClose(actual.logits, logits?.data ?? [], { atol: 2e-5, rtol: 2e-5, label: 'logits' });
  });
});

test.each([
  ['a pickle', 0x80, 0],
  ['a zip archive', 0x50, 0x4b],
  ['JSON', 0x7b, 0],
])('safetensors are known by their header, even if its length begins like %s', async (_, low, high) => {
  const weights = new Map([...tensorShapes(config).keys()].map((name) => [name, tinyCheckpointTensor(name)]));
  const bytes = Buffer.from(writeSafetensors(weights, 'F32'));
  const end = 8 + Number(bytes.readBigUInt64LE());
  // Spaces after the header belong to it: padded up to the length whose lowest bytes are these.
  const length = Math.ceil(end / 2 ** 16) * 2 ** 16 + high * 2 ** 8 + low;
  const head = Buffer.alloc(8 + length, ' ');
  bytes.copy(head, 0, 0, end);
  head.writeBigUInt64LE(BigInt(length));
  const path = join(folder, 'padded');
  await writeFile(path, Buffer.concat([head, bytes.subarray(end)]));
  await convert({ file: path, out: join(folder, 'tiny'), config });
  expectTinyWeights((await readModelFile(join(folder, 'tiny.json'))).weights);
});

test('the golden network comes through PyTorch, safetensors and ONNX with the golden outputs', async () => {
  const expected = await golden('swinface-nano');
  const path = join(folder, 'nano.safetensors');
  await writeFile(path, writeSafetensors(expected.weights, 'F32'));
  const step = async (from: string, out: string, to: ConvertFormat) =>
    (await convert({ file: from, out: join(folder, out), to })).files.at(-1) ?? '';
  const pytorch = await step(path, 'one', 'pytorch');
  const manifest = await step(pytorch, 'two', 'swinface');
  const onnx = await step(manifest, 'three', 'onnx');
  const outputs = await runOnnx(onnx, expected.input);
  const lines = compareWithGolden(expected, selectOutputs(expected.config), outputs);
  expect(lines).toHaveLength(43);
  for (const line of lines) expect(line, JSON.stringify(line)).toMatchObject({ passed: true });
});

test.each(['pytorch', 'safetensors'] as const)(
  'what was written as %s is read back, though no preset has its sizes',
  async (to) => {
    const odd: ModelConfig = {
      ...PRESETS['swinface-nano'],
      name: 'odd',
      embed: 8,
      depths: [1, 2, 1, 1],
      heads: [1, 1, 2, 4],
      mlp: 2,
      feature: 12,
      embedding: 20,
      split: [2, 2, 4, 4],
      reduction: 4,
    };
    const weights = syntheticWeights(odd);
    const path = join(folder, 'odd.safetensors');
    await writeFile(path, writeSafetensors(weights, 'F32'));
    const written = await convert({ file: path, out: join(folder, 'written'), to, config: odd });
    const back = await convert({ file: written.files.at(-1) ?? '', out: join(folder, 'back') });
    expect(back.config).toEqual({ ...odd, name: 'swinface' });
    const { weights: read } = await readModelFile(back.files.at(-1) ?? '');
    for (const [name, { data }] of weights) expect(read.get(name)?.data, name).toEqual(data);
  },
);

test('a preset with a longer embedding keeps its name', async () => {
  const config = { ...PRESETS['swinface-nano'], embedding: 128 };
  const path = join(folder, 'long.safetensors');
  await writeFile(path, writeSafetensors(syntheticWeights(config), 'F32'));
  expect((await convert({ file: path, out: join(folder, 'long') })).config).toEqual(config);
});

describe('refusals', () => {
  const refused = async (path: string, message: RegExp, network: ModelConfig | 'guessed' = config) => {
    await mkdir(join(folder, 'out'), { recursive: true });
    const attempt = convert({
      file: path,
      out: join(folder, 'out/x'),
      ...(network === 'guessed' ? {} : { config: network }),
    });
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ code: expect.stringMatching(/^(WEIGHTS_INVALID|INVALID_INPUT)$/) });
    expect(await readdir(join(folder, 'out'))).toEqual([]);
  };
  const write = async (content: Uint8Array | string) => {
    const path = join(folder, 'file');
    await writeFile(path, content);
    return path;
  };
  const safetensors = (change: (weights: Map<string, ReturnType<typeof tinyCheckpointTensor>>) => void) => {
    const weights = new Map([...tensorShapes(config).keys()].map((name) => [name, tinyCheckpointTensor(name)]));
    change(weights);
    return write(writeSafetensors(weights, 'F32'));
  };

  test('a checkpoint from before PyTorch 1.6', () => refused(checkpointFixture('legacy.pt'), /before version 1\.6/));
  test('a TorchScript program', () => refused(checkpointFixture('script.pt'), /TorchScript/));
  test('a bare pickle', async () => refused(await write(Uint8Array.of(0x80, 4, 0x4e, 0x2e)), /a bare pickle/));
  test('an empty file', async () => refused(await write(''), /an empty file/));
  test('a page', async () => refused(await write('<!doctype html>'), /no weight file/));
  test('a folder', () => refused(folder, /cannot be read/));
  test('nothing', () => refused(join(folder, 'nothing.pt'), /cannot be read/));
  test('JSON that is no manifest', async () => refused(await write('{"a":1}'), /manifest is invalid/));

  test('weights one level too deep', async () => {
    const deep = pickle('}', text('ema'), '}s');
    await refused(await write(zip([{ name: 'x/data.pkl', data: deep }])), /no tensors by name, but ema/, 'guessed');
  });
  test('another network', () => refused(file, /lacks tensors of swinface: /, 'guessed'));
  test('a missing tensor', async () =>
    refused(
      await safetensors((weights) => weights.delete('fam.nets.1.norm.bias')),
      /lacks .*fam\.nets\.1\.norm\.bias/,
    ));
  test('a misshapen tensor', async () =>
    refused(
      await safetensors((weights) => weights.set('backbone.norm.bias', { shape: [4], data: new Float32Array(4) })),
      /backbone\.norm\.bias.*Expected backbone\.norm\.bias \[32\]\. Got \[4\]/,
    ));
  test('an unknown tensor', async () =>
    refused(
      await safetensors((weights) =>
        weights.set('fam.nets.0.conv.convs.0.bias', { shape: [1], data: new Float32Array(1) }),
      ),
      /tiny has no fam\.nets\.0\.conv\.convs\.0\.bias/,
    ));
  test('a number that is none, found late: nothing is left behind', async () =>
    refused(
      await safetensors((weights) => {
        weights.set('om.output_fcs.2.bias', { shape: [2], data: Float32Array.of(1, Number.NaN) });
      }),
      /om\.output_fcs\.2\.bias holds NaN at 1/,
    ));
  test('a flipped bit in a weight', async () => {
    const bytes = await readFile(file);
    const at = entryStart(bytes, 'tiny/data/1');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await refused(await write(bytes), /tiny\/data\/1 is damaged: its checksum/);
  });
  test('an output without a name', async () => {
    await expect(convert({ file, out: `${folder}/.x`, config })).rejects.toThrow(/no usable name/);
  });
});
