import * as tf from '@tensorflow/tfjs-core';
import type { OutputSelection } from '../config.js';
import type { Engine, RawOutputs } from '../engine.js';
import { DeviceLostError, DisposedError, InvalidInputError } from '../errors.js';
import { type ModelOutputs, type ModelWeights, swinFace } from '../model.js';
import type { HostTensor } from '../tensor.js';
import { isHostTensor, mapWeights } from '../weights/index.js';
import { type BackendOptions, type OpenBackend, openBackend, withBackend } from './backend.js';
import { TfjsOps } from './ops.js';

/** What a {@link TfjsEngine} is made from. */
export interface TfjsEngineOptions extends BackendOptions {
  readonly selection: OutputSelection;
  /** As `assembleWeights` or, faster, `foldWeights` gives them. */
  readonly weights: ModelWeights<HostTensor>;
  readonly maxFaces: number;
  /** Whether `run` gives FM1..FM4 too. */
  readonly keepLevels?: boolean;
}

/** TfjsOps for weights that do not change: what is derived from a weight is computed once and replaces it. */
class InferenceOps extends TfjsOps {
  readonly #derived = new Map<tf.Tensor, tf.Tensor>();

  protected override derived(weight: tf.Tensor, compute: () => tf.Tensor): tf.Tensor {
    const known = this.#derived.get(weight);
    if (known) return known;
    const made = tf.keep(compute());
    this.#derived.set(weight, made);
    weight.dispose();
    return made;
  }

  dispose(): void {
    for (const tensor of this.#derived.values()) tensor.dispose();
    this.#derived.clear();
  }
}

/**
 * The network on TensorFlow.js: the fallback where there is no WebGPU, and for applications that live in tfjs.
 *
 * tfjs has one active backend per page. This engine activates its own only while it records operations, synchronously,
 * and the application's again after; while `create` is pending, do not use or set backends. If the application has
 * not chosen a backend by then, the engine's stays active.
 *
 * @example
 * const engine = await TfjsEngine.create({ backend: 'wasm', selection, weights: foldWeights(weights), maxFaces: 8 });
 * const { embeddings, logits } = await engine.run(images, 1); // images: Float32Array [1, 3, 112, 112]
 * engine.dispose();
 */
export class TfjsEngine implements Engine {
  readonly kind = 'tfjs';
  readonly selection: OutputSelection;
  readonly maxFaces: number;
  readonly #backend: OpenBackend;
  readonly #weights: ModelWeights<tf.Tensor>;
  readonly #ops = new InferenceOps();
  readonly #keepLevels: boolean;
  #disposed = false;

  /**
   * Initialises the backend, uploads the weights and runs one black face through, which compiles what there is to compile.
   *
   * @throws {UnsupportedDeviceError} if the backend's package is missing, or this machine cannot run it
   * @throws {InvalidInputError} if `maxFaces` is not a positive integer
   */
  static async create(options: TfjsEngineOptions): Promise<TfjsEngine> {
    const { maxFaces } = options;
    if (!Number.isInteger(maxFaces) || maxFaces < 1) {
      throw new InvalidInputError('Cannot make an engine for this many faces.', {
        expected: 'maxFaces of at least 1',
        actual: String(maxFaces),
      });
    }
    const backend = await openBackend(options);
    let engine: TfjsEngine | undefined;
    try {
      engine = new TfjsEngine(options, backend);
      await engine.run(new Float32Array(3 * options.selection.config.image ** 2), 1);
      return engine;
    } catch (error) {
      if (engine) engine.dispose();
      else backend.release();
      throw error;
    }
  }

  private constructor({ selection, weights, maxFaces, keepLevels = false }: TfjsEngineOptions, backend: OpenBackend) {
    this.selection = selection;
    this.maxFaces = maxFaces;
    this.#keepLevels = keepLevels;
    this.#backend = backend;
    this.#weights = withBackend(backend.name, () =>
      mapWeights(weights, isHostTensor, ({ shape, data }) => tf.tensor(data, [...shape])),
    );
  }

  get description(): string {
    return this.#backend.description;
  }

  /** The tfjs backend that computes; tensors made while it is active reach `predict` uncopied. */
  get backendName(): string {
    return this.#backend.name;
  }

  async run(images: Float32Array, count: number): Promise<RawOutputs> {
    const { image } = this.selection.config;
    this.#checkCount(count);
    if (!(images instanceof Float32Array) || images.length !== count * 3 * image ** 2) {
      throw new InvalidInputError('The images do not fit the number of faces.', {
        expected: `a Float32Array of ${count} x 3 x ${image} x ${image} values`,
        actual: images instanceof Float32Array ? `${images.length} values` : typeof images,
      });
    }
    return this.#guarded(async () => {
      const { levels, embedding, logits } = this.#forward(() => tf.tensor4d(images, [count, 3, image, image]));
      const wanted = [embedding, logits, ...(this.#keepLevels ? levels : [])];
      try {
        // One tensor after another would wait for the GPU once each.
        const read = await Promise.all(wanted.map((tensor) => tensor?.data<'float32'>()));
        const [embeddings, logitRows, ...maps] = read;
        return {
          count,
          ...(embeddings ? { embeddings } : {}),
          ...(logitRows ? { logits: logitRows } : {}),
          ...(this.#keepLevels ? { levels: maps as [Float32Array, Float32Array, Float32Array, Float32Array] } : {}),
        };
      } finally {
        for (const tensor of [...levels, embedding, logits]) tensor?.dispose();
      }
    });
  }

  /**
   * The network from tf.Tensor to tf.Tensor, without leaving the backend.
   *
   * @param images RGB in [-1, 1], [B, 3, 112, 112], B at most `maxFaces`; not disposed
   * @returns FM1..FM4, embedding [B, F] and logits [B, R], all for the caller to dispose
   * @throws {InvalidInputError} if the shape is another
   * @throws {DisposedError} after `dispose`
   * @throws {DeviceLostError} if the GPU is gone
   */
  predict(images: tf.Tensor4D): ModelOutputs<tf.Tensor> {
    const { image } = this.selection.config;
    const [count, ...sides] = images.shape;
    if (sides.join() !== [3, image, image].join()) {
      throw new InvalidInputError('The tensor is not a batch of images.', {
        expected: `[B, 3, ${image}, ${image}]`,
        actual: `[${images.shape.join(', ')}]`,
      });
    }
    this.#checkCount(count);
    this.#checkUsable();
    return this.#forward(() => images);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#ops.dispose();
    mapWeights(this.#weights, isTensor, (weight) => weight.dispose());
    this.#backend.release();
  }

  #forward(images: () => tf.Tensor): ModelOutputs<tf.Tensor> {
    return withBackend(this.#backend.name, () => {
      // The type of tidy wants an index signature; what it does is spare every tensor found in the result.
      const run = (): unknown => swinFace(this.#ops, this.selection, this.#weights, images());
      return tf.tidy(run as () => tf.TensorContainer) as unknown as ModelOutputs<tf.Tensor>;
    });
  }

  #checkCount(count: number): void {
    if (Number.isInteger(count) && count >= 1 && count <= this.maxFaces) return;
    throw new InvalidInputError('The engine was not made for this many faces.', {
      expected: `1 to ${this.maxFaces} faces`,
      actual: String(count),
      hint: 'Split the batch, or create the engine with a larger maxFaces.',
    });
  }

  #checkUsable(): void {
    if (this.#disposed) throw new DisposedError('The engine was disposed.');
    if (this.#backend.gpu.reason !== undefined) throw lossError(this.#backend.gpu.reason);
  }

  /** The work's result, or that the engine or its GPU went away before, during or because of it. */
  async #guarded<R>(work: () => Promise<R>): Promise<R> {
    this.#checkUsable();
    let stopListening = () => {};
    const loss = new Promise<never>((_, reject) => {
      stopListening = this.#backend.gpu.onLoss((reason) => reject(lossError(reason)));
    });
    try {
      const result = await Promise.race([work(), loss]);
      this.#checkUsable();
      return result;
    } catch (error) {
      await new Promise((resolve) => setTimeout(resolve, 0)); // the loss of a device is told in a task of its own
      this.#checkUsable();
      throw error;
    } finally {
      stopListening();
    }
  }
}

const lossError = (reason: string) =>
  new DeviceLostError(`TensorFlow.js cannot go on: ${reason}.`, { hint: 'Create the engine again.' });

const isTensor = (value: unknown): value is tf.Tensor => value instanceof tf.Tensor;
