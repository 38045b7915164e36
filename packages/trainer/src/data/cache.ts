import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { InvalidInputError } from '@swinface/core';
import { ARCFACE_TEMPLATE, applySimilarity, CROP_SIZE, type FivePoints, type Point } from '@swinface/geometry';
import * as v from 'valibot';
import { type ByteSink, openCacheFile } from '../files/cache-file.js';
import { CROP_FORMAT, type CropGeometry, cropFace, decodeImage } from './crop.js';
import { type Dataset, type FaceSample, ImageFiles } from './samples.js';

const CHUNK = 128;

/** A face that could not be cropped, and why. */
export interface SkippedSample {
  readonly key: string;
  readonly reason: string;
}

/** What a cache's record says of its crops. */
const detailsSchema = v.object({
  skipped: v.array(v.object({ index: v.pipe(v.number(), v.safeInteger()), key: v.string(), reason: v.string() })),
});

/** The whole image as an ArcFace crop: the guess where a set has no points at all. */
const wholeImage = (width: number, height: number): FivePoints => {
  const scale = Math.min(width, height) / CROP_SIZE;
  const middle = { a: scale, b: 0, tx: (width - CROP_SIZE * scale) / 2, ty: (height - CROP_SIZE * scale) / 2 };
  const at = (point: Point): Point => applySimilarity(middle, point);
  const [p0, p1, p2, p3, p4] = ARCFACE_TEMPLATE;
  return [at(p0), at(p1), at(p2), at(p3), at(p4)];
};

/**
 * Decodes, aligns and crops samples one after another, several at a time.
 * Where points are null, the set's mean points stand in.
 *
 * @yields in order: the crop [side, side, C], or the reason why there is none.
 * @throws {InvalidInputError} if an archive cannot be read
 */
export async function* cropSamples(
  dataset: Dataset,
  samples: readonly FaceSample[],
  geometry: CropGeometry,
): AsyncGenerator<{ index: number; crop: Uint8Array } | { index: number; reason: string }> {
  const files = new ImageFiles(dataset.folder);
  const one = async (sample: FaceSample, index: number) => {
    try {
      const image = await decodeImage(await files.read(sample), geometry.channels);
      const points = sample.points ?? dataset.meanPoints ?? wholeImage(image.width, image.height);
      return { index, crop: cropFace(image, points, geometry) };
    } catch (error) {
      return { index, reason: error instanceof Error ? error.message : String(error) };
    }
  };
  try {
    await files.openArchives(samples);
    for (let at = 0; at < samples.length; at += CHUNK) {
      yield* await Promise.all(samples.slice(at, at + CHUNK).map((sample, i) => one(sample, at + i)));
    }
  } finally {
    await files.close();
  }
}

/** Every aligned crop of a data set, decoded once and kept on disk; slot i belongs to sample i of the list. */
export class CropCache {
  private constructor(
    readonly dataset: Dataset,
    readonly geometry: CropGeometry,
    /** Samples without a crop: corrupt images. */
    readonly skipped: ReadonlyMap<number, SkippedSample>,
    private readonly file: FileHandle,
  ) {}

  /** Bytes of one crop. */
  get cropBytes(): number {
    return this.geometry.side ** 2 * this.geometry.channels;
  }

  /**
   * Opens the cache in `folder`, filling it first if it is not there, damaged, or of another list or geometry.
   *
   * @param onProgress called now and then with the number of samples done.
   * @throws {InvalidInputError} if another process is filling the folder, or the disk is full
   */
  static async open(
    dataset: Dataset,
    geometry: CropGeometry,
    folder: string,
    onProgress?: (done: number, total: number) => void,
  ): Promise<CropCache> {
    const { side, scale, channels } = geometry;
    const inputs = createHash('sha256')
      .update(`${CROP_FORMAT} ${dataset.digest} ${side} ${scale} ${channels}`)
      .digest('hex');
    const { handle, details } = await openCacheFile({
      folder,
      name: `${dataset.name}-${side}-${scale}-${channels}.crops`,
      inputs,
      details: detailsSchema,
      make: (file) => writeCrops(dataset, geometry, file, onProgress),
    });
    const skipped = new Map(details.skipped.map(({ index, key, reason }) => [index, { key, reason }]));
    return new CropCache(dataset, geometry, skipped, handle);
  }

  /** Reads crop `index` into `into` ([side, side, C] bytes). */
  read(index: number, into: Uint8Array): void {
    const got = readSync(this.file.fd, into, 0, this.cropBytes, index * this.cropBytes);
    if (got !== this.cropBytes) {
      throw new InvalidInputError(
        `The crop cache of ${this.dataset.name} ends early; delete it to have it made again.`,
      );
    }
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.file.close();
  }
}

/** Writes every crop in the order of the list; a face that cannot be cropped is black and named in the record. */
async function writeCrops(
  dataset: Dataset,
  geometry: CropGeometry,
  file: ByteSink,
  onProgress?: (done: number, total: number) => void,
): Promise<v.InferOutput<typeof detailsSchema>> {
  const empty = new Uint8Array(geometry.side ** 2 * geometry.channels);
  const skipped: { index: number; key: string; reason: string }[] = [];
  for await (const item of cropSamples(dataset, dataset.samples, geometry)) {
    if ('reason' in item) {
      skipped.push({ index: item.index, key: dataset.samples[item.index]?.key ?? '', reason: item.reason });
    }
    await file.write('crop' in item ? item.crop : empty);
    if ((item.index + 1) % CHUNK === 0) onProgress?.(item.index + 1, dataset.samples.length);
  }
  if (skipped.length === dataset.samples.length) {
    throw new InvalidInputError(`None of the images of ${dataset.name} can be read.`, {
      actual: skipped[0]?.reason ?? 'an empty list',
    });
  }
  return { skipped };
}
