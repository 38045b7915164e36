import * as tf from '@tensorflow/tfjs-core';
import { DeviceLostError, DisposedError, InvalidInputError } from '../../errors.js';
import { arrange, type Network, pick, type WeightMap } from '../../networks/network.js';
import {
  checkCount,
  checkEngineOptions,
  checkImages,
  type Engine,
  type NetworkResults,
  sizeOfImage,
} from '../engine.js';
import { type BackendOptions, type OpenBackend, openBackend, withBackend } from './backend.js';
import { TfjsOps } from './ops.js';

/** What a {@link TfjsEngine} is made from. */
export interface TfjsEngineOptions extends BackendOptions {
  readonly network: Network;
  /** By checkpoint name. Not kept. */
  readonly weights: WeightMap;
  readonly maxFaces: number;
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
 * const engine = await TfjsEngine.create({ backend: 'wasm', network, weights, maxFaces: 8 });
 * const { embedding, logits } = await engine.run(images, 1); // images: Float32Array [1, 3, 112, 112]
 * engine.dispose();
 */
export class TfjsEngine implements Engine {
  readonly kind = 'tfjs';
  readonly network: Network;
  readonly maxFaces: number;
  readonly #backend: OpenBackend;
  readonly #weights: ReadonlyMap<string, tf.Tensor>;
  readonly #ops = new InferenceOps();
  #disposed = false;

  /**
   * Initializes the backend, uploads the weights and runs one black face through, which compiles what there is to compile.
   *
   * @throws {UnsupportedDeviceError} if the backend's package is missing, or this machine cannot run it
   * @throws {InvalidInputError} if `maxFaces` is not a positive integer
   * @throws {WeightsInvalidError} if a tensor is missing or misshapen
   */
  static async create(options: TfjsEngineOptions): Promise<TfjsEngine> {
    checkEngineOptions(options);
    const backend = await openBackend(options);
    let engine: TfjsEngine | undefined;
    try {
      engine = new TfjsEngine(options, backend);
      await engine.run(new Float32Array(sizeOfImage(options.network.input)), 1);
      return engine;
    } catch (error) {
      if (engine) engine.dispose();
      else backend.release();
      throw error;
    }
  }

  private constructor({ network, weights, maxFaces }: TfjsEngineOptions, backend: OpenBackend) {
    this.network = network.folded;
    this.maxFaces = maxFaces;
    this.#backend = backend;
    const arranged = [...arrange(this.network, weights)];
    this.#weights = withBackend(
      backend.name,
      () => new Map(arranged.map(([path, { shape, data }]) => [path, tf.tensor(data, [...shape])])),
    );
  }

  get description(): string {
    return this.#backend.description;
  }

  /** The tfjs backend that computes; tensors made while it is active reach `predict` uncopied. */
  get backendName(): string {
    return this.#backend.name;
  }

  async run(images: Float32Array, count: number): Promise<NetworkResults> {
    checkCount(count, this.maxFaces);
    checkImages(this.network, images, count);
    const { channels, height, width } = this.network.input;
    return this.#guarded(async () => {
      const results = Object.entries(this.#forward(() => tf.tensor4d(images, [count, channels, height, width])));
      try {
        // One tensor after another would wait for the GPU once each.
        const read = results.map(async ([name, tensor]) => [name, await tensor.data<'float32'>()] as const);
        return Object.fromEntries(await Promise.all(read));
      } finally {
        for (const [, tensor] of results) tensor.dispose();
      }
    });
  }

  /**
   * The network from tf.Tensor to tf.Tensor, without leaving the backend.
   *
   * @param images RGB in [-1, 1], [B, channels, height, width], B at most `maxFaces`; not disposed
   * @returns the network's outputs by name, for the caller to dispose
   * @throws {InvalidInputError} if the shape is another
   * @throws {DisposedError} after `dispose`
   * @throws {DeviceLostError} if the GPU is gone
   */
  predict(images: tf.Tensor4D): Readonly<Record<string, tf.Tensor>> {
    const { channels, height, width } = this.network.input;
    const [count, ...sides] = images.shape;
    if (sides.join() !== [channels, height, width].join()) {
      throw new InvalidInputError('The tensor is not a batch of images.', {
        expected: `[B, ${channels}, ${height}, ${width}]`,
        actual: `[${images.shape.join(', ')}]`,
      });
    }
    checkCount(count, this.maxFaces);
    this.#checkUsable();
    return this.#forward(() => images);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#ops.dispose();
    for (const weight of this.#weights.values()) weight.dispose();
    this.#backend.release();
  }

  #forward(images: () => tf.Tensor): Readonly<Record<string, tf.Tensor>> {
    const weight = (path: string) => pick(this.#weights, path);
    // Of what is made inside, tidy spares the tensors of the result.
    return withBackend(this.#backend.name, () => tf.tidy(() => this.network.forward(this.#ops, weight, images())));
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
      await new Promise((resolve) => setTimeout(resolve, 0)); // a device reports its loss in a later task
      this.#checkUsable();
      throw error;
    } finally {
      stopListening();
    }
  }
}

const lossError = (reason: string) =>
  new DeviceLostError(`TensorFlow.js cannot go on: ${reason}.`, { hint: 'Create the engine again.' });
