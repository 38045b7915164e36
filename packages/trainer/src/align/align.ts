import { readdir } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import type { Box, FivePoints } from '@swinface/geometry';
import { type FaceSample, ImageFiles, jsonLines, readDataset } from '../data/samples.js';
import { writeWhole } from '../files/durable.js';
import { requireFile } from '../files/read.js';
import { chosenLandmarks } from '../tasks/landmarks.js';
import { actionUnits } from './action-units.js';
import { AlignBrowser } from './browser.js';
import type { PageFace } from './page/page.js';

/** What to align and where to write the list. */
export interface AlignOptions {
  /** Folder of photographs, searched with its subfolders; or a list NAME.jsonl, whose labels are kept. */
  readonly photos: string;
  /** List to write; its samples point to the photographs where they lie. */
  readonly out: string;
  /** MediaPipe's `face_landmarker.task`. */
  readonly model: string;
  /** Adds 72 landmarks and pseudo-labels of 17 action units. */
  readonly labels?: boolean;
  /** At most this many images. */
  readonly limit?: number;
  readonly print?: (line: string) => void;
}

/** What came of it. */
export interface AlignSummary {
  readonly images: number;
  readonly faces: number;
  /** Images without a face, and images that could not be read, by key. */
  readonly without: readonly string[];
}

const PHOTOGRAPH = /\.(jpe?g|png|webp|avif|gif|bmp)$/i;
/** Around five points, a face's box is about this many times as wide as the distance between the eyes. */
const BOX = 2.4;

/**
 * Finds faces with the browser's own alignment package, in a headless Chromium, and writes them as a list that
 * training and evaluation read: photographs stay where they are and each sample carries the face's five points, from
 * which every crop is cut by the same transform as in a page.
 *
 * A folder gives a sample for every face; a list keeps its samples, whose known points say which face is meant.
 *
 * @throws {InvalidInputError} if there is nothing to align
 * @throws {UnsupportedDeviceError} if Chromium or what drives it is not installed
 */
export async function align(options: AlignOptions): Promise<AlignSummary> {
  const { out, model, labels = false, print = () => {} } = options;
  await requireFile(model, "MediaPipe's face_landmarker.task", 'The guide on self-hosting says where it comes from.');
  const { folder, samples } = await openPhotos(options);
  const files = new ImageFiles(folder);
  const browser = await AlignBrowser.open(model);
  const aligned: FaceSample[] = [];
  const without: string[] = [];
  const began = performance.now();
  try {
    for (const [index, sample] of samples.entries()) {
      const faces = await facesOf(browser, files, sample).catch((error: unknown) => {
        print(`${sample.key}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`);
        return [];
      });
      if (faces.length === 0) without.push(sample.key);
      const several = faces.length > 1;
      faces.forEach((face, number) => {
        const key = several ? `${sample.key}#${number + 1}` : sample.key;
        aligned.push({
          ...sample,
          ...place(sample, folder, out),
          key,
          points: rounded(face.points),
          ...labelsOf(face, labels),
        });
      });
      if ((index + 1) % 100 === 0) {
        const rate = ((index + 1) * 1000) / (performance.now() - began);
        print(`${index + 1} of ${samples.length} images, ${aligned.length} faces, ${rate.toFixed(1)} images/s`);
      }
    }
  } finally {
    await browser.close();
    await files.close();
  }
  if (aligned.length === 0) throw new InvalidInputError(`No face was found in ${samples.length} images.`);
  await writeWhole(out, jsonLines(aligned));
  return { images: samples.length, faces: aligned.length, without };
}

async function openPhotos({ photos, limit = Number.POSITIVE_INFINITY }: AlignOptions) {
  if (photos.endsWith('.jsonl')) {
    const { folder, samples } = await readDataset(photos);
    return { folder, samples: samples.slice(0, limit) };
  }
  const names = await readdir(photos, { recursive: true }).catch((cause: unknown) => {
    throw new InvalidInputError(`${photos} cannot be read.`, { expected: 'a folder or a list NAME.jsonl', cause });
  });
  const found = names.filter((name) => PHOTOGRAPH.test(name)).sort();
  if (found.length === 0)
    throw new InvalidInputError(`${photos} holds no photographs.`, { expected: 'JPEG, PNG, WebP' });
  const samples: FaceSample[] = found.map((file) => ({ key: file.replace(PHOTOGRAPH, ''), file, points: null }));
  return { folder: photos, samples: samples.slice(0, limit) };
}

/** Every face of a photograph; of a sample whose points are known, the one that they belong to. */
async function facesOf(browser: AlignBrowser, files: ImageFiles, sample: FaceSample): Promise<readonly PageFace[]> {
  const image = await files.read(sample);
  if (!sample.points) return browser.locate(image);
  const faces = await browser.locate(image, boxAround(sample.points));
  return faces.slice(0, 1);
}

function boxAround(points: FivePoints): Box {
  const [left, right] = points;
  const x = points.reduce((sum, point) => sum + point[0], 0) / points.length;
  const y = points.reduce((sum, point) => sum + point[1], 0) / points.length;
  const side = BOX * Math.hypot(right[0] - left[0], right[1] - left[1]);
  return { x: x - side / 2, y: y - side / 2, width: side, height: side };
}

/** Where a sample's image lies, seen from the new list. */
function place({ shard, file }: FaceSample, folder: string, out: string): Pick<FaceSample, 'shard' | 'file'> {
  const seen = (name: string) => relative(dirname(resolve(out)), resolve(join(folder, name)));
  return shard === undefined ? { file: seen(file) } : { shard: seen(shard), file };
}

/** Hundredths of a pixel are beyond what any locator knows. */
const rounded = (points: FivePoints): FivePoints => {
  const near = ([x, y]: FivePoints[number]) => [Math.round(100 * x) / 100, Math.round(100 * y) / 100] as const;
  const [a, b, c, d, e] = points;
  return [near(a), near(b), near(c), near(d), near(e)];
};

const labelsOf = ({ landmarks, blendshapes }: PageFace, wanted: boolean) =>
  wanted ? { landmarks: chosenLandmarks(landmarks), actionUnits: actionUnits(blendshapes) } : {};
