/** Damaged files of every kind that the trainer reads, for {@link fuzz}. */
import { readFile } from 'node:fs/promises';
import { tensorShapes } from '@swinface/core';
import { type FuzzRandom, type FuzzTarget, mutateBytes, mutateJson } from '@swinface/testing';
import { fitWeights } from '../../src/convert/fit.js';
import { openWeightFile, type WeightFile } from '../../src/convert/open.js';
import { unpickleCheckpoint } from '../../src/convert/pytorch.js';
import { writeSafetensorsFile } from '../../src/convert/write-safetensors.js';
import { ZipArchive } from '../../src/convert/zip.js';
import { MemorySource } from '../../src/files/byte-source.js';
import { StagedFile } from '../../src/files/durable.js';
import { checkpointFixture, TINY_CHECKPOINT, tinyCheckpointTensor } from '../node/support/checkpoints.js';
import { type ZipEntry, zip } from '../node/support/pickles.js';
import { dataTargets } from './data-targets.js';
import { runTargets } from './run-targets.js';

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

/** From the first byte, which says what kind of file it is, to the last weight. */
const readWeightFile = async (bytes: Uint8Array): Promise<Buffer> =>
  readAll(await openWeightFile(new MemorySource(bytes), 'the damaged file'));

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
  const file = new StagedFile(sink as unknown as ConstructorParameters<typeof StagedFile>[0], 'memory');
  await fill(file);
  await file.flush();
  return Buffer.concat(parts);
}

/** The targets, on the checkpoint that PyTorch wrote. */
export async function trainerTargets(): Promise<FuzzTarget[]> {
  const tiny = await readFile(checkpointFixture('tiny.pt'));
  const script = await readFile(checkpointFixture('script.pt'));
  const honest = await readWeightFile(tiny);
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

  return [
    ...dataTargets(),
    ...(await runTargets()),
    {
      name: 'checkpoint, its zip',
      make: (random) => {
        const file = mutateBytes(random, tiny, random.below(4) === 0 ? script : tiny, spots);
        return async () => {
          // Checksums cover every byte that matters, so what is accepted must be what was saved.
          if (!(await readWeightFile(file)).equals(honest)) throw new Error('Damaged weights were accepted.');
        };
      },
    },
    {
      name: 'pickle alone',
      make: (random) => {
        const file = mutateBytes(random, pickle);
        return async () => unpickleCheckpoint(file);
      },
    },
    {
      name: 'checkpoint, its pickle with a checksum that fits',
      make: (random) => {
        const damaged = mutateBytes(random, pickle);
        const file = zip(entries.map((entry) => (entry.data === pickle ? { ...entry, data: damaged } : entry)));
        return () => readWeightFile(file);
      },
    },
    {
      name: 'checkpoint, entries that lie',
      make: (random) => {
        const lying = entries.map((entry) => (random.below(40) > 0 ? entry : lie(random, entry)));
        const file = zip(lying, random.below(4) === 0 ? random.below(2 ** 16) : lying.length);
        return () => readWeightFile(file);
      },
    },
    {
      name: 'safetensors of others, its bytes',
      make: (random) => {
        const file = mutateBytes(random, safetensors, safetensors, [0, 8]);
        return () => readWeightFile(file);
      },
    },
    {
      name: 'safetensors of others, its header',
      make: (random) => {
        const text = Buffer.from(JSON.stringify(mutateJson(random, header)) ?? '');
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(text.length));
        const file = Buffer.concat([length, text, safetensors.subarray(headerEnd)]);
        return () => readWeightFile(file);
      },
    },
  ];
}

/** A zip entry that says of itself what is not so. */
function lie(random: FuzzRandom, entry: ZipEntry): ZipEntry {
  const numbers = [0, 1, 40, 1000, 100_000, 0x7fffffff, 0xffffffff] as const;
  return random.pick([
    { ...entry, data: mutateBytes(random, entry.data.subarray(0, 4096)) },
    { ...entry, size: random.pick(numbers) },
    { ...entry, offset: random.pick(numbers) },
    { ...entry, method: random.pick([8, 99]) },
    { ...entry, flags: random.below(2 ** 16) },
    { ...entry, name: 'tiny/data/1' },
    { ...entry, localName: 'tiny/data/1' },
    { ...entry, extra: mutateBytes(random, Buffer.from([1, 0, 24, 0, ...Array<number>(24).fill(0)])) },
  ]);
}
