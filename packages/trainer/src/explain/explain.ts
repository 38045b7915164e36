import { join } from 'node:path';
import { selectOutputs } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { readModelFile } from '@swinface/core/node';
import { CROP_SIZE } from '@swinface/geometry';
import sharp from 'sharp';
import { cropSamples } from '../data/cache.js';
import { ARCFACE_CROP, writeInput } from '../data/crop.js';
import { readDataset } from '../data/samples.js';
import { writeWhole } from '../files/durable.js';
import { Explainer } from './explainer.js';

/** Which answers to explain, on which faces. */
export interface ExplainOptions {
  /** Manifest of the weights. */
  readonly weights: string;
  /** List NAME.jsonl. */
  readonly data: string;
  readonly out: string;
  /** Task names; Age, Gender, Expression and Smiling by default. */
  readonly tasks?: readonly string[];
  /** Faces from the start of the held-out part; 4 by default. */
  readonly faces?: number;
  /** Feature map FM1..FM4 that is looked at; FM2 by default, the finest that all but the first level's path goes through. */
  readonly level?: 1 | 2 | 3 | 4;
}

/** A face with a map over it: the stronger, the redder. */
async function overlay(crop: Uint8Array, { side, values }: { side: number; values: Float32Array }): Promise<Buffer> {
  const size = 2 * CROP_SIZE;
  const heat = await sharp(Buffer.from(Uint8Array.from(values, (value) => Math.round(255 * value))), {
    raw: { width: side, height: side, channels: 1 },
  })
    .resize(size, size, { kernel: 'cubic' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  const shade = Buffer.alloc(size * size * 4);
  for (let i = 0; i < size * size; i++) shade.set([255, 40, 0, Math.round(0.7 * at(heat, i))], 4 * i);
  return sharp(crop, { raw: { width: CROP_SIZE, height: CROP_SIZE, channels: 3 } })
    .resize(size, size)
    .composite([{ input: shade, raw: { width: size, height: size, channels: 4 } }])
    .png()
    .toBuffer();
}

/**
 * Writes one PNG per face and task, `FACE-TASK.png`: the aligned face with a Grad-CAM heat map over it.
 *
 * @returns paths of the files
 * @throws {InvalidInputError} if a task or list is unknown
 */
export async function explain(options: ExplainOptions): Promise<string[]> {
  const { weights, data, out, tasks = ['Age', 'Gender', 'Expression', 'Smiling'], faces = 4, level = 2 } = options;
  const { manifest, weights: tensors } = await readModelFile(weights);
  const explainer = await Explainer.create(selectOutputs(manifest.config), tensors, level);
  const dataset = await readDataset(data);
  const samples = dataset.samples.filter(({ split }) => split !== 'train').slice(0, faces);
  const files: string[] = [];
  for await (const item of cropSamples(dataset, samples, ARCFACE_CROP)) {
    if ('reason' in item) continue;
    const image = new Float32Array(3 * CROP_SIZE ** 2);
    writeInput(item.crop, false, image, 0);
    for (const task of tasks) {
      const path = join(out, `${item.index}-${task.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.png`);
      await writeWhole(path, await overlay(item.crop, await explainer.explain(image, task)));
      files.push(path);
    }
  }
  await explainer.dispose();
  return files;
}
