import { embeddingLength, type LoadedModel, networkOf, RECOGNITION, selectOutputs } from '@swinface/core';
import { exportOnnx } from '@swinface/core/onnx';
import { CROP_SIZE } from '@swinface/geometry';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { cropSamples } from '../data/cache.js';
import { ARCFACE_CROP, writeInput } from '../data/crop.js';
import { Random } from '../data/random.js';
import type { Dataset, FaceSample } from '../data/samples.js';
import { createSession } from '../engine/device.js';
import type { Degradation } from './degradations.js';

const BATCH = 16;
const IMAGE = 3 * CROP_SIZE * CROP_SIZE;

/** A picture as it is. */
export const CLEAN = 'clean';

/** Embeddings of some faces with one fault, as the network gives them: not of length 1. */
export interface RawEmbeddings {
  /** Those of the faces that could be read. */
  readonly samples: readonly FaceSample[];
  /** [samples, dims] */
  readonly rows: Float32Array;
}

/** A network's recognition branch alone. */
export class Embedder {
  private constructor(
    /** Length of an embedding. */
    readonly dims: number,
    private readonly session: InferenceSession,
  ) {}

  /** @param threads of ONNX Runtime */
  static async of({ manifest, weights }: LoadedModel, threads: number): Promise<Embedder> {
    const selection = selectOutputs(manifest.config, [RECOGNITION]);
    const { session } = await createSession(exportOnnx(networkOf(selection).folded, weights), 'cpu', threads);
    return new Embedder(embeddingLength(manifest.config), session);
  }

  /**
   * Embeds faces as they are and with faults, which are drawn from the seed, the fault and the face's place in the list.
   *
   * @param every each fault is drawn onto one face in so many, in turn
   * @returns by the name of the fault, {@link CLEAN} first
   */
  async embed(
    dataset: Dataset,
    samples: readonly FaceSample[],
    degradations: Readonly<Record<string, Degradation>>,
    { seed, every = 1, onProgress }: { seed: number; every?: number; onProgress?: (done: number) => void },
  ): Promise<Map<string, RawEmbeddings>> {
    const kinds = Object.entries(degradations);
    const found = new Map([CLEAN, ...Object.keys(degradations)].map((name) => [name, new Collected()]));
    const images = new Float32Array(BATCH * IMAGE);
    let waiting: { into: Collected; sample: FaceSample }[] = [];
    const flush = async () => {
      if (waiting.length === 0) return;
      const shape = [waiting.length, 3, CROP_SIZE, CROP_SIZE];
      const image = new Tensor('float32', images.subarray(0, waiting.length * IMAGE), shape);
      const { embedding } = await this.session.run({ image });
      const rows = embedding?.data as Float32Array;
      for (const [i, { into, sample }] of waiting.entries()) {
        into.add(sample, rows.slice(i * this.dims, (i + 1) * this.dims));
      }
      waiting = [];
    };
    const place = async (crop: Uint8Array, sample: FaceSample, name: string, draw?: (image: Float32Array) => void) => {
      const into = found.get(name);
      if (!into) return;
      const image = images.subarray(waiting.length * IMAGE, (waiting.length + 1) * IMAGE);
      writeInput(crop, false, image, 0);
      draw?.(image);
      waiting.push({ into, sample });
      if (waiting.length === BATCH) await flush();
    };
    for await (const item of cropSamples(dataset, samples, ARCFACE_CROP)) {
      const sample = samples[item.index];
      if ('reason' in item || !sample) continue;
      await place(item.crop, sample, CLEAN);
      for (const [k, [name, degrade]] of kinds.entries()) {
        if (item.index % every !== k % every) continue;
        const random = new Random(seed, k, item.index);
        await place(item.crop, sample, name, (image) => degraded(image, degrade, random));
      }
      if ((item.index + 1) % 256 === 0) onProgress?.(item.index + 1);
    }
    await flush();
    return new Map([...found].map(([name, collected]) => [name, collected.joined(this.dims)]));
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

class Collected {
  readonly #samples: FaceSample[] = [];
  readonly #rows: Float32Array[] = [];

  add(sample: FaceSample, row: Float32Array): void {
    this.#samples.push(sample);
    this.#rows.push(row);
  }

  joined(dims: number): RawEmbeddings {
    const rows = new Float32Array(this.#rows.length * dims);
    for (const [i, row] of this.#rows.entries()) rows.set(row, i * dims);
    return { samples: this.#samples, rows };
  }
}

/** Network input with a fault, rounded to the 8 bits that a picture has. */
export function degraded(image: Float32Array, degrade: Degradation, random: Random): void {
  for (let i = 0; i < image.length; i++) image[i] = (image[i] ?? 0) * 127.5 + 127.5;
  degrade(image, random);
  for (let i = 0; i < image.length; i++) {
    image[i] = (Math.max(0, Math.min(255, Math.round(image[i] ?? 0))) - 127.5) / 127.5;
  }
}
