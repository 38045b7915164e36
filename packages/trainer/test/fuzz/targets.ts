/** Damaged checkpoints, for {@link fuzz}. */
import { readFile } from 'node:fs/promises';
import { tensorShapes } from '@swinface/core';
import { type FuzzTarget, mutateBytes, mutateJson } from '@swinface/testing';
import { MemorySource } from '../../src/convert/bytes.js';
import { fitWeights } from '../../src/convert/fit.js';
import { fromPytorch, type WeightFile } from '../../src/convert/open.js';
import { openPytorch, unpickleCheckpoint } from '../../src/convert/pytorch.js';
import { openSafetensors } from '../../src/convert/safetensors-file.js';
import { StagedFile } from '../../src/convert/staged-files.js';
import { writeSafetensorsFile } from '../../src/convert/write-safetensors.js';
import { ZipArchive } from '../../src/convert/zip.js';
import { checkpointFixture, TINY_CHECKPOINT, tinyCheckpointTensor } from '../node/support/checkpoints.js';
import { zip } from '../node/support/pickles.js';

const shapes = tensorShapes(TINY_CHECKPOINT);

/** Every weight of a file, in one piece. */
async function readAll(file: WeightFile): Promise<Buffer> {
  const { read } = fitWeights(file, TINY_CHECKPOINT);
  const parts: Buffer[] = [];
  for (const [name, shape] of shapes) {
    const tensor = await read(name);
    if (tensor.shape.join() !== shape.join()) throw new Error(`${name} came in another shape.`);
    if (!tensor.data.every(Number.isFinite)) throw new Error(`${name} came with numbers that are none.`);
    parts.push(Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
  }
  return Buffer.concat(parts);
}

const readCheckpoint = async (bytes: Uint8Array): Promise<Buffer> =>
  readAll(fromPytorch(await openPytorch(new MemorySource(bytes))));

const readSafetensors = async (bytes: Uint8Array): Promise<Buffer> =>
  readAll({ format: 'safetensors', tensors: await openSafetensors(new MemorySource(bytes)), ignored: [] });

/** Where the zip records of a file start. */
function zipRecords(file: Buffer): number[] {
  const found: number[] = [];
  for (let at = file.indexOf('PK'); at >= 0; at = file.indexOf('PK', at + 2)) found.push(at);
  return found;
}

/** A file in memory, written as files on disk are. */
async function written(fill: (file: StagedFile) => Promise<void>): Promise<Buffer> {
  const parts: Buffer[] = [];
  const sink = {
    write: async (bytes: Uint8Array) => {
      parts.push(Buffer.from(bytes));
      return { bytesWritten: bytes.length };
    },
  };
  const file = new StagedFile(sink as unknown as ConstructorParameters<typeof StagedFile>[0]);
  await fill(file);
  await file.flush();
  return Buffer.concat(parts);
}

/** The targets, on the checkpoint that PyTorch wrote. */
export async function trainerTargets(): Promise<FuzzTarget<never>[]> {
  const tiny = await readFile(checkpointFixture('tiny.pt'));
  const script = await readFile(checkpointFixture('script.pt'));
  const honest = await readCheckpoint(tiny);
  const records = zipRecords(tiny);
  // The directory and the end records are the last tenth of a file, and the most delicate.
  const spots = [...records, ...records.slice(-4), ...records.slice(-4), ...records.slice(-4)];
  const archive = await ZipArchive.open(new MemorySource(tiny));
  const entries = await Promise.all(
    archive.names.map(async (name) => ({ name, data: Buffer.from(await archive.read(name)) })),
  );
  const pickle = entries.find(({ name }) => name.endsWith('data.pkl'))?.data ?? Buffer.alloc(0);
  const safetensors = await written((file) =>
    writeSafetensorsFile(file, shapes, async (name) => tinyCheckpointTensor(name)),
  );
  const headerEnd = 8 + Number(safetensors.readBigUInt64LE());
  const header: unknown = JSON.parse(safetensors.subarray(8, headerEnd).toString());

  const zipped: FuzzTarget<Uint8Array> = {
    name: 'checkpoint, its zip',
    make: (random) => mutateBytes(random, tiny, random.below(4) === 0 ? script : tiny, spots),
    read: async (bytes) => {
      // Checksums cover every byte that matters, so what is accepted must be what was saved.
      if (!(await readCheckpoint(bytes)).equals(honest)) throw new Error('Damaged weights were accepted.');
    },
  };
  const bare: FuzzTarget<Uint8Array> = {
    name: 'pickle alone',
    make: (random) => mutateBytes(random, pickle, pickle),
    read: async (bytes) => unpickleCheckpoint(bytes),
  };
  const rehashed: FuzzTarget<Uint8Array> = {
    name: 'checkpoint, its pickle with a checksum that fits',
    make: (random) =>
      zip(entries.map(({ name, data }) => ({ name, data: data === pickle ? mutateBytes(random, data) : data }))),
    read: readCheckpoint,
  };
  const lies: FuzzTarget<Uint8Array> = {
    name: 'checkpoint, entries that lie',
    make: (random) => {
      const lying = entries.map((entry) => {
        if (random.below(40) > 0) return entry;
        const data = mutateBytes(random, entry.data.subarray(0, 4096));
        const numbers = [0, 1, 40, 1000, tiny.length, 0x7fffffff, 0xffffffff] as const;
        return random.pick([
          { ...entry, data },
          { ...entry, size: random.pick(numbers) },
          { ...entry, offset: random.pick(numbers) },
          { ...entry, method: random.pick([8, 99]) },
          { ...entry, flags: random.below(2 ** 16) },
          { ...entry, name: random.pick(entries).name },
          { ...entry, localName: random.pick(entries).name },
          { ...entry, extra: mutateBytes(random, Buffer.from([1, 0, 24, 0, ...Array(24).fill(0)])) },
        ]);
      });
      return zip(lying, random.below(4) === 0 ? random.below(2 ** 16) : lying.length);
    },
    read: readCheckpoint,
  };
  const safetensorsBytes: FuzzTarget<Uint8Array> = {
    name: 'safetensors of strangers, its bytes',
    make: (random) => mutateBytes(random, safetensors, safetensors, [0, 8]),
    read: readSafetensors,
  };
  const safetensorsHeader: FuzzTarget<Uint8Array> = {
    name: 'safetensors of strangers, its header',
    make: (random) => {
      const text = Buffer.from(JSON.stringify(mutateJson(random, header)) ?? '');
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(text.length));
      return Buffer.concat([length, text, safetensors.subarray(headerEnd)]);
    },
    read: readSafetensors,
  };
  return [zipped, bare, rehashed, lies, safetensorsBytes, safetensorsHeader] as FuzzTarget<never>[];
}
