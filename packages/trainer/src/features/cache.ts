/** Feature maps of faces, computed once by a frozen trunk and kept on disk as float16. */
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { type FileHandle, mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { at, encodeFloat16 } from '@swinface/core/internal';
import { CROP_SIZE } from '@swinface/geometry';
import * as v from 'valibot';
import { type Augmentation, Augmenter } from '../data/augment.js';
import { cropSamples, type SkippedSample } from '../data/cache.js';
import { CROP_FORMAT, type CropGeometry } from '../data/crop.js';
import { Random } from '../data/random.js';
import type { Dataset } from '../data/samples.js';
import { openCacheFile } from '../files/cache-file.js';
import type { FrozenTrunk } from './trunk.js';

/** Faces in a file: what an interruption costs is less than a minute. */
const PIECE = 2048;
/** Faces that the trunk sees at once. */
const BATCH = 4;
const BYTES = 2;
/** A tight crop with a margin to shift and turn in. */
const GEOMETRY: CropGeometry = Object.freeze({ side: 144, scale: 1, channels: 3 });

/** One way of looking at every face of a set. */
export interface View {
  readonly augmentation: Augmentation;
  /** With the face's number, decides what is random. */
  readonly seed: number;
}

const detailsSchema = v.object({
  skipped: v.array(v.object({ index: v.pipe(v.number(), v.safeInteger()), key: v.string(), reason: v.string() })),
});

/** The features of a set's faces in one view; slot i belongs to sample i of the list. */
export class FeatureCache {
  private constructor(
    readonly dataset: Dataset,
    /** Numbers that a face's features are. */
    readonly size: number,
    /** Samples without features: corrupt images. */
    readonly skipped: ReadonlyMap<number, SkippedSample>,
    private readonly pieces: readonly FileHandle[],
  ) {}

  /**
   * Opens the features in `folder`; what is missing, damaged, or of another trunk, list or view is computed first. Pieces
   * that were finished before an interruption are kept.
   *
   * @param onProgress called now and then with the number of faces done
   * @throws {InvalidInputError} if another process is filling the folder, or the disk has no room
   */
  static async open(
    dataset: Dataset,
    trunk: FrozenTrunk,
    view: View,
    folder: string,
    onProgress?: (done: number, total: number) => void,
  ): Promise<FeatureCache> {
    const inputs = createHash('sha256')
      .update(`${CROP_FORMAT} ${trunk.digest} ${dataset.digest} ${JSON.stringify(view)}`)
      .digest('hex');
    const own = join(folder, `${dataset.name}-${inputs.slice(0, 16)}`);
    const count = dataset.samples.length;
    const skipped = new Map<number, SkippedSample>();
    const pieces: FileHandle[] = [];
    try {
      for (let from = 0; from < count; from += PIECE) {
        const { handle, details } = await openCacheFile({
          folder: own,
          name: `${String(from).padStart(7, '0')}.f16`,
          inputs,
          details: detailsSchema,
          make: async (file) => {
            await requireRoom(own, (count - from) * trunk.size * BYTES);
            const skipped: v.InferOutput<typeof detailsSchema>['skipped'] = [];
            for await (const { index, bytes, reason } of facesOf(dataset, trunk, view, from)) {
              if (reason !== undefined) skipped.push({ index, key: dataset.samples[index]?.key ?? '', reason });
              await file.write(bytes);
              if ((index + 1) % 256 === 0) onProgress?.(index + 1, count);
            }
            return { skipped };
          },
        });
        pieces.push(handle);
        for (const { index, key, reason } of details.skipped) skipped.set(index, { key, reason });
      }
    } catch (error) {
      for (const piece of pieces) await piece.close();
      throw error;
    }
    return new FeatureCache(dataset, trunk.size, skipped, pieces);
  }

  /** Reads the features of face `index` into `into`, [size] float16. */
  read(index: number, into: Uint16Array): void {
    const bytes = this.size * BYTES;
    const { fd } = at(this.pieces, Math.floor(index / PIECE));
    const got = readSync(fd, new Uint8Array(into.buffer, into.byteOffset, bytes), 0, bytes, (index % PIECE) * bytes);
    if (got !== bytes) throw new InvalidInputError(`The features of ${this.dataset.name} became shorter.`);
  }

  /** Closes the files. */
  async close(): Promise<void> {
    for (const piece of this.pieces) await piece.close();
  }
}

/** @throws {InvalidInputError} if the disk has no room for `bytes` */
async function requireRoom(folder: string, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize > bytes) return;
  const giga = (size: number) => `${(size / 1e9).toFixed(1)} GB`;
  throw new InvalidInputError(`There is no room for features in ${folder}.`, {
    expected: giga(bytes),
    actual: giga(bavail * bsize),
    hint: 'Choose another cache folder, or fewer views.',
  });
}

/** The features of a piece's faces in order; of a face that cannot be cropped, zeros and the reason. */
async function* facesOf(
  dataset: Dataset,
  trunk: FrozenTrunk,
  { augmentation, seed }: View,
  from: number,
): AsyncGenerator<{ index: number; bytes: Uint8Array; reason?: string }> {
  const augmenter = new Augmenter();
  const area = 3 * CROP_SIZE * CROP_SIZE;
  const waiting: { index: number; reason?: string }[] = [];
  const images = new Float32Array(BATCH * area);
  const flush = async function* () {
    const maps = encodeFloat16(await trunk.run(images.subarray(0, waiting.length * area)));
    for (const [slot, item] of waiting.entries()) {
      const own = maps.slice(slot * trunk.size, (slot + 1) * trunk.size);
      if (item.reason !== undefined) own.fill(0);
      yield { ...item, bytes: new Uint8Array(own.buffer) };
    }
    waiting.length = 0;
  };
  for await (const item of cropSamples(dataset, dataset.samples.slice(from, from + PIECE), GEOMETRY)) {
    const index = from + item.index;
    const image = images.subarray(waiting.length * area, (waiting.length + 1) * area);
    if ('crop' in item) augmenter.apply(item.crop, GEOMETRY, augmentation, new Random(seed, index), image);
    waiting.push({ index, ...('reason' in item ? { reason: item.reason } : {}) });
    if (waiting.length === BATCH) yield* flush();
  }
  if (waiting.length > 0) yield* flush();
}
