/** Damaged manifests and shards, for {@link fuzz}. */
import {
  type HostTensor,
  InvalidInputError,
  type Manifest,
  type ModelConfig,
  PRESETS,
  packModel,
  parseManifest,
  parseSafetensors,
  placedTasks,
  planShards,
  RECOGNITION,
  readWeights,
  sha256,
  sizeOf,
} from '@swinface/core';
import { type FuzzTarget, mutateBytes, mutateJson, syntheticWeights } from '@swinface/testing';
import { decodeTensor } from '../../src/weights/safetensors.js';

const nano = PRESETS['swinface-nano'];

/** Every kind of tensor in few kilobytes. */
const config: ModelConfig = {
  ...nano,
  name: 'tiny',
  image: 32,
  window: 2,
  embed: 4,
  depths: [1, 1, 1, 1],
  heads: [1, 2, 2, 2],
  mlp: 1,
  feature: 8,
  split: [1, 2, 2, 3],
  reduction: 2,
  subnets: nano.subnets.slice(1, 2),
};

const utf8 = (text: string) => new TextEncoder().encode(text);

/** As anybody who loads a manifest parses its text. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new InvalidInputError('Not JSON.', { cause });
  }
}

/** A safetensors file's header as JSON, and its data. */
function takeApart(file: Uint8Array): { header: unknown; data: Uint8Array } {
  const end = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return { header: JSON.parse(new TextDecoder().decode(file.subarray(8, end))), data: file.subarray(end) };
}

function putTogether(header: unknown, data: Uint8Array): Uint8Array {
  const text = utf8(JSON.stringify(header) ?? '');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

/** The targets, on a model in each storage type. */
export async function coreTargets(): Promise<FuzzTarget[]> {
  const passport = {
    id: 'tiny',
    config,
    synthetic: true,
    crops: [{ zoom: 1, outputs: [RECOGNITION, ...placedTasks(config).map(({ task }) => task.name)] }],
    calibration: {
      temperatures: { Young: 1.5 },
      thresholds: { Young: 0.4 },
      ageIntervals: [{ age: 30, halfWidth: 5 }],
      verification: [
        {
          falseMatchRate: 1e-3,
          threshold: 0.5,
          falseNonMatchRate: 0.1,
          measured: {
            strangers: 'all',
            pairs: 9000,
            falseMatches: { low: 5e-4, high: 2e-3 },
            falseNonMatches: { low: 0.05, high: 0.15 },
          },
        },
      ],
    },
    licence: 'MIT',
    trainingData: ['noise'],
    metrics: { age: 7 },
  };
  const packed = await Promise.all(
    (['F32', 'F16', 'I8'] as const).map((dtype) => packModel('tiny', passport, syntheticWeights(config), dtype)),
  );
  const models = packed.map(({ manifest, files }) => ({ manifest, shard: [...files.values()][0] ?? new Uint8Array() }));
  const shards = models.map(({ shard }) => shard);

  const readManifest = (json: () => unknown) => async () => checkManifest(parseManifest(json()));
  const readSafetensors = (file: Uint8Array) => async () => {
    for (const tensor of parseSafetensors(file).values()) checkTensor(decodeTensor(tensor));
  };
  return [
    {
      name: 'manifest, its values',
      make: (random) => {
        const json = mutateJson(random, random.pick(models).manifest);
        return readManifest(() => json);
      },
    },
    {
      name: 'manifest, its text',
      make: (random) => {
        const text = mutateBytes(random, utf8(JSON.stringify(random.pick(models).manifest)));
        return readManifest(() => parseJson(text));
      },
    },
    {
      name: 'safetensors, its bytes',
      make: (random) => readSafetensors(mutateBytes(random, random.pick(shards), random.pick(shards), [0, 8])),
    },
    {
      name: 'safetensors, its header',
      make: (random) => {
        const { header, data } = takeApart(random.pick(shards));
        return readSafetensors(putTogether(mutateJson(random, header), data));
      },
    },
    {
      name: 'shard, under its hash',
      make: (random) => {
        const { manifest, shard } = random.pick(models);
        const damaged = mutateBytes(random, shard, random.pick(shards), [0, 8]);
        return async () => {
          await readWeights(manifest, async () => damaged);
          if (!damaged.equals(shard)) throw new Error('A damaged shard was accepted despite its hash.');
        };
      },
    },
    {
      name: 'shard, with a hash that fits',
      make: (random) => {
        const { manifest, shard } = random.pick(models);
        const { header, data } = takeApart(shard);
        const damaged =
          random.below(2) === 0
            ? putTogether(mutateJson(random, header), data)
            : mutateBytes(random, shard, shard, [0, 8]);
        return () => readRehashed(manifest, damaged);
      },
    },
  ];
}

/** Reads a shard under a manifest that vouches for it; what comes must be what the manifest lists. */
async function readRehashed(manifest: Manifest, shard: Uint8Array): Promise<void> {
  const file = { file: 'x.safetensors', bytes: shard.length, sha256: await sha256(shard) };
  const weights = await readWeights({ ...manifest, shards: [file] }, async () => shard);
  for (const [name, { shape }] of Object.entries(manifest.tensors)) {
    const tensor = weights.get(name);
    if (tensor?.shape.join() !== shape.join()) throw new Error(`${name} came in another shape.`);
    checkTensor(tensor);
    if (!tensor.data.every(Number.isFinite)) throw new Error(`${name} came with numbers that are none.`);
  }
}

/** What is accepted must be usable: the same after a round trip, of a size that can be planned for. */
function checkManifest(manifest: Manifest): void {
  parseManifest(JSON.parse(JSON.stringify(manifest)));
  planShards(manifest.config, (_, shape) => 4 * sizeOf(shape));
}

function checkTensor({ shape, data }: HostTensor): void {
  if (data.length !== sizeOf(shape)) throw new Error(`${data.length} elements in the shape [${shape.join(', ')}].`);
}
