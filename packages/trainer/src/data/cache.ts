import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { type CropGeometry, cropToImage, decodeImage, warpCrop } from './crop.js';
import { type Dataset, type FaceSample, ImageFiles } from './samples.js';
import { ARCFACE_TEMPLATE, type FivePoints, type Point, TEMPLATE_SIDE } from './similarity.js';

/** Raise when crops of the same list and geometry come out differently. */
const FORMAT = 1;
const CHUNK = 128;

/** A face that could not be cropped, and why. */
export interface SkippedSample {
  readonly key: string;
  readonly reason: string;
}

interface CacheRecord {
  readonly digest: string;
  readonly geometry: CropGeometry;
  readonly count: number;
  readonly skipped: readonly (SkippedSample & { readonly index: number })[];
}

/** The whole image as an ArcFace crop: the guess where a set has no points at all. */
const wholeImage = (width: number, height: number): FivePoints => {
  const scale = Math.min(width, height) / TEMPLATE_SIDE;
  const at = ([x, y]: Point): Point => [
    (x - TEMPLATE_SIDE / 2 + 0.5) * scale + (width - 1) / 2,
    (y - TEMPLATE_SIDE / 2 + 0.5) * scale + (height - 1) / 2,
  ];
  const [p0, p1, p2, p3, p4] = ARCFACE_TEMPLATE;
  return [at(p0), at(p1), at(p2), at(p3), at(p4)];
};

/**
 * Decodes, aligns and crops samples one after another, several at a time.
 * Where points are null, the set's mean points stand in.
 *
 * @yields in order: the crop [side, side, C], or the reason why there is none.
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
      return { index, crop: warpCrop(image, cropToImage(points, geometry), geometry.side) };
    } catch (error) {
      return { index, reason: error instanceof Error ? error.message : String(error) };
    }
  };
  try {
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
    private readonly file: number,
  ) {}

  /** Bytes of one crop. */
  get cropBytes(): number {
    return this.geometry.side ** 2 * this.geometry.channels;
  }

  /**
   * Opens the cache in `folder`, filling it first if it is not there or belongs to another list or geometry.
   *
   * @param onProgress called now and then with the number of samples done.
   */
  static async open(
    dataset: Dataset,
    geometry: CropGeometry,
    folder: string,
    onProgress?: (done: number, total: number) => void,
  ): Promise<CropCache> {
    const { side, scale, channels } = geometry;
    const digest = createHash('sha256')
      .update(`${FORMAT} ${dataset.digest} ${side} ${scale} ${channels}`)
      .digest('hex');
    const stem = join(folder, `${dataset.name}-${side}-${scale}-${channels}`);
    let record: CacheRecord | undefined;
    try {
      record = JSON.parse(await readFile(`${stem}.json`, 'utf8')) as CacheRecord;
    } catch {
      record = undefined;
    }
    if (record?.digest !== digest) {
      await mkdir(folder, { recursive: true });
      record = await fill(dataset, geometry, digest, stem, onProgress);
    }
    const skipped = new Map(record.skipped.map(({ index, key, reason }) => [index, { key, reason }]));
    return new CropCache(dataset, geometry, skipped, openSync(`${stem}.crops`, 'r'));
  }

  /** Reads crop `index` into `into` ([side, side, C] bytes). */
  read(index: number, into: Uint8Array): void {
    const got = readSync(this.file, into, 0, this.cropBytes, index * this.cropBytes);
    if (got !== this.cropBytes) {
      throw new InvalidInputError(
        `The crop cache of ${this.dataset.name} ends early; delete it to have it made again.`,
      );
    }
  }

  /** Closes the file. */
  close(): void {
    closeSync(this.file);
  }
}

async function fill(
  dataset: Dataset,
  geometry: CropGeometry,
  digest: string,
  stem: string,
  onProgress?: (done: number, total: number) => void,
): Promise<CacheRecord> {
  const bytes = geometry.side ** 2 * geometry.channels;
  const skipped: { index: number; key: string; reason: string }[] = [];
  // Under another name until whole: a killed run leaves no half-filled cache that looks finished.
  const out = await open(`${stem}.crops.partial`, 'w');
  try {
    const empty = new Uint8Array(bytes);
    for await (const item of cropSamples(dataset, dataset.samples, geometry)) {
      if ('reason' in item) {
        skipped.push({ index: item.index, key: dataset.samples[item.index]?.key ?? '', reason: item.reason });
      }
      await out.write('crop' in item ? item.crop : empty, 0, bytes, item.index * bytes);
      if ((item.index + 1) % CHUNK === 0) onProgress?.(item.index + 1, dataset.samples.length);
    }
  } finally {
    await out.close();
  }
  await rename(`${stem}.crops.partial`, `${stem}.crops`);
  const record: CacheRecord = { digest, geometry, count: dataset.samples.length, skipped };
  await writeFile(`${stem}.json`, JSON.stringify(record));
  return record;
}
