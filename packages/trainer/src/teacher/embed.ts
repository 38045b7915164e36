import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { InvalidInputError } from '@swinface/core';
import { CROP_SIZE } from '@swinface/geometry';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import * as v from 'valibot';
import { cropSamples } from '../data/cache.js';
import { ARCFACE_CROP, CROP_FORMAT, writeInput } from '../data/crop.js';
import type { Dataset } from '../data/samples.js';
import { openCacheFile } from '../files/cache-file.js';
import { readBytes } from '../files/read.js';

/** Embeddings of a data set's faces; row i belongs to sample i of the list. */
export interface Embeddings {
  readonly dims: number;
  /** [samples, dims], unit rows; zero where a face could not be read. */
  readonly values: Float32Array;
}

// One face a call: recognition networks are often exported with a fixed batch of one.
const INPUT_SHAPE = [1, 3, CROP_SIZE, CROP_SIZE];
const IMAGE = 3 * CROP_SIZE * CROP_SIZE;

/** Scales every row to length one; rows of zeros stay. */
export function normalizeRows(values: Float32Array, dims: number): void {
  for (let at = 0; at < values.length; at += dims) {
    let square = 0;
    for (let i = at; i < at + dims; i++) square += (values[i] ?? 0) ** 2;
    const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let i = at; i < at + dims; i++) values[i] = (values[i] ?? 0) * scale;
  }
}

/**
 * Runs a recognition network over every ArcFace crop of a data set: the embedding of the face plus that of its mirror, normalised.
 * The result is kept in `folder` and read back when list and network are the same.
 *
 * @param model ONNX file with one input [B, 3, 112, 112] RGB in [-1, 1] and one output [B, D].
 * @throws {InvalidInputError} if the network has another form.
 */
export async function teacherEmbeddings(
  model: string,
  dataset: Dataset,
  folder: string,
  onProgress?: (done: number, total: number) => void,
): Promise<Embeddings> {
  const weights = await readBytes(model, "the teacher's ONNX file");
  const inputs = createHash('sha256').update(`${CROP_FORMAT} `).update(weights).update(dataset.digest).digest('hex');
  const { handle, bytes, details } = await openCacheFile({
    folder,
    name: `${dataset.name}-teacher-${inputs.slice(0, 16)}.f32`,
    inputs,
    details: v.object({ dims: v.pipe(v.number(), v.safeInteger(), v.minValue(1)) }),
    make: async (file) => {
      const { dims, values } = await embedAll(model, weights, dataset, onProgress);
      await file.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      return { dims };
    },
  });
  try {
    const values = new Float32Array(bytes / 4);
    await readAll(handle, new Uint8Array(values.buffer));
    return { dims: details.dims, values };
  } finally {
    await handle.close();
  }
}

async function readAll(handle: FileHandle, into: Uint8Array): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, into.length - done, done);
    if (bytesRead === 0) throw new InvalidInputError('The embeddings became shorter while they were read.');
    done += bytesRead;
  }
}

async function embedAll(
  model: string,
  weights: Buffer,
  dataset: Dataset,
  onProgress?: (done: number, total: number) => void,
): Promise<Embeddings> {
  const count = dataset.samples.length;
  const session = await InferenceSession.create(weights, { graphOptimizationLevel: 'all' });
  const [input, output] = [session.inputNames[0], session.outputNames[0]];
  if (input === undefined || output === undefined) throw new InvalidInputError(`${model} has no input or no output.`);
  let values = new Float32Array(0);
  let dims = 0;
  const image = new Float32Array(IMAGE);
  const embed = async (crop: Uint8Array, mirrored: boolean): Promise<Float32Array> => {
    writeInput(crop, mirrored, image, 0);
    const result = (await session.run({ [input]: new Tensor('float32', image, INPUT_SHAPE) }))[output];
    const row = result?.data;
    if (!(row instanceof Float32Array) || (dims !== 0 && row.length !== dims)) {
      throw new InvalidInputError(`${model} is no recognition network.`, {
        expected: `one float32 embedding${dims ? ` of ${dims}` : ''}`,
        actual: `${result?.type} [${result?.dims}]`,
      });
    }
    normalizeRows(row, row.length);
    return row;
  };
  try {
    for await (const item of cropSamples(dataset, dataset.samples, ARCFACE_CROP)) {
      if ('crop' in item) {
        const row = await embed(item.crop, false);
        if (dims === 0) {
          dims = row.length;
          values = new Float32Array(count * dims);
        }
        const mirror = await embed(item.crop, true);
        for (let d = 0; d < dims; d++) values[item.index * dims + d] = (row[d] ?? 0) + (mirror[d] ?? 0);
      }
      if ((item.index + 1) % 512 === 0) onProgress?.(item.index + 1, count);
    }
  } finally {
    await session.release();
  }
  if (dims === 0) throw new InvalidInputError(`No image of ${dataset.name} can be read.`);
  normalizeRows(values, dims);
  return { dims, values };
}
