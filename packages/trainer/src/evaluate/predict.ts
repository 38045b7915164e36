import { availableParallelism } from 'node:os';
import {
  embeddingLength,
  InvalidInputError,
  type LoadedModel,
  type Manifest,
  networkOf,
  type OutputSelection,
  selectOutputs,
} from '@swinface/core';
import { at } from '@swinface/core/internal';
import { readModelFile } from '@swinface/core/node';
import { exportOnnx } from '@swinface/core/onnx';
import { CROP_SIZE } from '@swinface/geometry';
import { decodeOutputs, type FaceAnalysis } from '@swinface/postprocessing';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { cropSamples, type SkippedSample } from '../data/cache.js';
import { writeInput } from '../data/crop.js';
import type { Dataset, FaceSample } from '../data/samples.js';
import { createSession, type Device } from '../engine/device.js';

const BATCH = 32;
const IMAGE = 3 * CROP_SIZE * CROP_SIZE;

/** What a model says of some faces. */
export interface Predictions {
  /** The faces that could be read, in the order of the rows below. */
  readonly samples: readonly FaceSample[];
  /** Results as the browser gives them, calibration of the manifest included. */
  readonly analyses: readonly FaceAnalysis[];
  /** By task name, uncalibrated, [faces, logits of the task]. */
  readonly logits: ReadonlyMap<string, Float32Array>;
  /** Length of an embedding; 0 without recognition. */
  readonly dims: number;
  /** Unit embeddings [faces, dims]. */
  readonly embeddings: Float32Array;
  /** Embedding of the face plus that of its mirror, unit length; only where asked for. */
  readonly mirrored: Float32Array | undefined;
  readonly skipped: readonly SkippedSample[];
}

interface Head {
  readonly zoom: number;
  readonly selection: OutputSelection;
  readonly session: InferenceSession;
}

/** Exported weights, checked and made ready to run on data sets through ONNX Runtime. */
export class Predictor {
  private constructor(
    readonly manifest: Manifest,
    private readonly heads: readonly Head[],
  ) {}

  /**
   * Loads a manifest and the shards beside it.
   *
   * @param path of the manifest
   * @param device where the network runs
   * @throws {WeightsInvalidError} if a file does not hold what the manifest says
   */
  static async open(path: string, device: Device | 'auto' = 'cpu'): Promise<Predictor> {
    return Predictor.of(await readModelFile(path), device);
  }

  /** Makes loaded weights ready to run. */
  static async of(
    { manifest, weights: tensors }: LoadedModel,
    device: Device | 'auto' = 'cpu',
    threads = availableParallelism(),
  ): Promise<Predictor> {
    const heads: Head[] = [];
    for (const { zoom, outputs } of manifest.crops) {
      const selection = selectOutputs(manifest.config, outputs);
      const model = exportOnnx(networkOf(selection).folded, tensors);
      const { session } = await createSession(model, device, threads);
      heads.push({ zoom, selection, session });
    }
    return new Predictor(manifest, heads);
  }

  /**
   * Analyses faces through the crops that the manifest names.
   *
   * @param mirror also embeds the mirrored face
   * @throws {InvalidInputError} if none of the images can be read
   */
  async predict(
    dataset: Dataset,
    samples: readonly FaceSample[],
    mirror: boolean,
    onProgress?: (done: number, total: number) => void,
  ): Promise<Predictions> {
    const count = samples.length;
    const analyses = new Array<FaceAnalysis | undefined>(count);
    const logits = new Map<string, Float32Array>();
    const skipped = new Map<number, SkippedSample>();
    const dims = this.heads.some(({ selection }) => selection.recognition) ? embeddingLength(this.manifest.config) : 0;
    const embeddings = new Float32Array(count * dims);
    const mirrored = mirror && dims > 0 ? new Float32Array(count * dims) : undefined;
    for (const [h, { zoom, selection, session }] of this.heads.entries()) {
      for (const { task } of selection.tasks) logits.set(task.name, new Float32Array(count * task.logits));
      const flip = mirrored !== undefined && selection.recognition;
      const views = flip ? 2 : 1;
      const images = new Float32Array(BATCH * views * IMAGE);
      const pending: number[] = [];
      const flush = async () => {
        const n = pending.length;
        if (n === 0) return;
        const feeds = {
          image: new Tensor('float32', images.subarray(0, n * views * IMAGE), [n * views, 3, CROP_SIZE, CROP_SIZE]),
        };
        const results = await session.run(feeds);
        const embedding = floats(results.embedding);
        const row = floats(results.logits);
        const raw = {
          count: n * views,
          ...(embedding ? { embeddings: embedding } : {}),
          ...(row ? { logits: row } : {}),
        };
        for (const [k, index] of pending.entries()) {
          const analysis = decodeOutputs(this.manifest, selection, raw, k * views);
          analyses[index] = merge(analyses[index], analysis);
          if (analysis.embedding) embeddings.set(analysis.embedding, index * dims);
          if (analysis.embedding && flip) {
            const other = decodeOutputs(this.manifest, selection, raw, k * views + 1).embedding ?? analysis.embedding;
            mirrored.set(unitSum(analysis.embedding, other), index * dims);
          }
          for (const { task, offset } of selection.tasks) {
            const from = k * views * selection.logits + offset;
            if (row) logits.get(task.name)?.set(row.subarray(from, from + task.logits), index * task.logits);
          }
        }
        pending.length = 0;
      };
      for await (const item of cropSamples(dataset, samples, { side: CROP_SIZE, scale: zoom, channels: 3 })) {
        if ('reason' in item) {
          skipped.set(item.index, { key: samples[item.index]?.key ?? '', reason: item.reason });
        } else {
          for (let view = 0; view < views; view++) {
            writeInput(item.crop, view === 1, images, (pending.length * views + view) * IMAGE);
          }
          pending.push(item.index);
        }
        if (pending.length === BATCH) await flush();
        if ((item.index + 1) % 256 === 0) onProgress?.(h * count + item.index + 1, this.heads.length * count);
      }
      await flush();
    }
    return compact(samples, analyses, logits, dims, embeddings, mirrored, [...skipped.values()]);
  }

  /** Frees the network. */
  async dispose(): Promise<void> {
    for (const { session } of this.heads) await session.release();
  }
}

function floats(tensor: Tensor | undefined): Float32Array | undefined {
  return tensor?.data instanceof Float32Array ? tensor.data : undefined;
}

function merge(a: FaceAnalysis | undefined, b: FaceAnalysis): FaceAnalysis {
  if (!a) return b;
  return {
    ...a,
    ...b,
    attributes: { ...a.attributes, ...b.attributes },
    attributeProbabilities: { ...a.attributeProbabilities, ...b.attributeProbabilities },
    extra: { ...a.extra, ...b.extra },
  };
}

function unitSum(a: Float32Array, b: Float32Array): Float32Array {
  const sum = a.map((v, i) => v + at(b, i));
  const length = Math.hypot(...sum);
  return sum.map((v) => v / length);
}

/** Leaves out the rows of faces that could not be read. */
function compact(
  samples: readonly FaceSample[],
  analyses: readonly (FaceAnalysis | undefined)[],
  logits: ReadonlyMap<string, Float32Array>,
  dims: number,
  embeddings: Float32Array,
  mirrored: Float32Array | undefined,
  skipped: readonly SkippedSample[],
): Predictions {
  const kept = samples.flatMap((_, i) => (analyses[i] ? [i] : []));
  if (kept.length === 0)
    throw new InvalidInputError('None of the images can be read.', { actual: skipped[0]?.reason ?? 'an empty list' });
  const rows = (values: Float32Array): Float32Array => {
    const width = values.length / samples.length;
    const out = new Float32Array(kept.length * width);
    for (const [row, i] of kept.entries()) out.set(values.subarray(i * width, (i + 1) * width), row * width);
    return out;
  };
  return {
    samples: kept.flatMap((i) => samples[i] ?? []),
    analyses: kept.flatMap((i) => analyses[i] ?? []),
    logits: new Map([...logits].map(([name, values]) => [name, rows(values)])),
    dims,
    embeddings: rows(embeddings),
    mirrored: mirrored ? rows(mirrored) : undefined,
    skipped,
  };
}
