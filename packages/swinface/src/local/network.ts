import type { FivePoints, Similarity, UprightImage } from '@swinface/alignment';
import { DeviceLostError, InvalidInputError, type Manifest, type RawOutputs, RemoteModel } from '@swinface/core';
import { at, untilAborted } from '@swinface/core/internal';
import type { FaceAnalysis } from '@swinface/postprocessing';
import type { Backend, Model } from '../backends/backend.js';
import { type ChosenBackend, chooseBackend } from '../backends/choose-backend.js';
import { type CropGroup, cropGroups } from '../backends/crops.js';
import { outputsOf } from '../backends/weights.js';
import type { Settings } from '../options.js';
import { analysisOf } from '../runner/results.js';
import type { RunnerEvents } from '../runner/runner.js';
import type { Stopwatch } from '../runner/stopwatch.js';
import type { Chosen, EngineKind, FaceExplanation } from '../types.js';
import type { Explainer } from './explainer.js';

/** A device that is lost more often than this within {@link LOSS_WINDOW_MS} is not requested again. */
const MOST_LOSSES = 3;
const LOSS_WINDOW_MS = 60_000;
/** A run may fail before the browser reports the loss that made it fail: how long to wait for that report. */
const LOSS_REPORTED_WITHIN_MS = 1000;
/** A browser whose GPU process died gives no device for a moment: waits before the attempts to get one. */
const RETRY_AFTER_MS = [0, 500, 2000] as const;

/**
 * The model on an engine. When the engine's device is lost, it is made again from the same weights, and runs that the
 * loss interrupted are run again: they come late, with the same numbers.
 */
export class Network {
  readonly manifest: Manifest;
  readonly groups: readonly CropGroup[];
  /** Resolves when the device is lost for good. */
  readonly failed: Promise<DeviceLostError>;
  readonly #settings: Settings;
  readonly #events: RunnerEvents;
  readonly #life = new AbortController();
  readonly #losses: number[] = [];
  /** Backends whose device was lost. */
  readonly #gone = new WeakSet<Backend>();
  /** Weights that are not the caller's are not in memory: they can be read again, mostly from the browser's cache. */
  readonly #model: Model;
  #explainer: Explainer | undefined;
  #choice: Chosen<EngineKind>;
  #backend: Promise<Backend>;
  #maxSide: number | undefined;
  #fail: (error: DeviceLostError) => void = () => {};

  private constructor(
    model: Model,
    groups: readonly CropGroup[],
    chosen: ChosenBackend,
    settings: Settings,
    events: RunnerEvents,
  ) {
    this.manifest = model.manifest;
    this.#model = model;
    this.groups = groups;
    this.#settings = settings;
    this.#events = events;
    this.#choice = chosen.choice;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#backend = Promise.resolve(this.#adopt(chosen));
  }

  /**
   * Loads and checks the model, and compiles it for the outputs asked for.
   *
   * @throws as `FaceAnalyzer.create`
   */
  static async open(settings: Settings, signal: AbortSignal, events: RunnerEvents): Promise<Network> {
    const { onProgress } = events;
    const { outputs, maxFaces, cache } = settings;
    const given = settings.model;
    const byAddress = typeof given === 'string' || given instanceof URL;
    const model = byAddress ? await RemoteModel.open(given, { cache, signal }) : given;
    const groups = cropGroups(model.manifest, outputs);
    const compiling = () => onProgress({ stage: 'engine', loaded: 0, total: 1 });
    if (!byAddress) compiling();
    const input = { model, groups, maxFaces, signal };
    const chosen = await chooseBackend(
      {
        ...input,
        // The network compiles while its weights are on their way; for people, one comes after the other.
        onProgress: (progress) => {
          onProgress({ stage: 'model', ...progress });
          if (progress.loaded === progress.total) compiling();
        },
      },
      settings,
    );
    onProgress({ stage: 'engine', loaded: 1, total: 1 });
    return new Network(model, groups, chosen, settings, events);
  }

  get choice(): Chosen<EngineKind> {
    return this.#choice;
  }

  /** Longest side of a picture that the engine can read; undefined for no limit of its own. */
  get maxSide(): number | undefined {
    return this.#maxSide;
  }

  /** Names of the outputs that are computed. */
  get outputs(): readonly string[] {
    return outputsOf(this.groups);
  }

  /**
   * All faces of a picture, `maxFaces` at a time. Calls may overlap.
   *
   * @param transforms per crop group, source to crop, one per face
   * @throws {DeviceLostError} if the device is lost for good
   * @throws the signal's reason
   */
  async run(
    image: UprightImage,
    transforms: readonly (readonly Similarity[])[],
    signal: AbortSignal,
    watch: Stopwatch,
  ): Promise<readonly FaceAnalysis[]> {
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      const backend = await untilAborted(this.#backend, signal);
      try {
        return await this.#runOn(backend, image, transforms, signal, watch);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof InvalidInputError) throw error;
        if (!(await untilAborted(this.#wasLost(backend, error), signal))) throw error;
        if (attempt === MOST_LOSSES) {
          throw new DeviceLostError(`The GPU device was lost ${attempt + 1} times, each time at these faces.`, {
            hint: 'Create the analyzer with the option engine: "wasm".',
            cause: error,
          });
        }
      }
    }
  }

  /**
   * Whether an error came of the loss of the device, which then has put another backend in place. Only some errors say
   * so: a loss also makes reading back fail and disposes engines, often before the browser reports it.
   */
  async #wasLost(backend: Backend, error: unknown): Promise<boolean> {
    if (this.#gone.has(backend)) return true;
    if (backend.kind !== 'webgpu') return false;
    const lost = backend.lost.then(() => true);
    if (error instanceof DeviceLostError) return lost;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silent = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), LOSS_REPORTED_WITHIN_MS);
    });
    return Promise.race([lost, silent]).finally(() => clearTimeout(timer));
  }

  /**
   * Why it answers some tasks as it does, for one face.
   *
   * @throws {InvalidInputError} if a task is not computed
   * @throws the signal's reason
   */
  async explain(
    image: UprightImage,
    points: FivePoints,
    tasks: readonly string[],
    signal: AbortSignal,
  ): Promise<FaceExplanation> {
    const [backend, { Explainer }] = await untilAborted(Promise.all([this.#backend, import('./explainer.js')]), signal);
    this.#life.signal.throwIfAborted();
    this.#explainer ??= new Explainer(this.#model, this.groups);
    return this.#explainer.explain(backend, image, points, tasks, signal);
  }

  async #runOn(
    backend: Backend,
    image: UprightImage,
    transforms: readonly (readonly Similarity[])[],
    signal: AbortSignal,
    watch: Stopwatch,
  ): Promise<readonly FaceAnalysis[]> {
    const { maxFaces } = this.#settings;
    const count = at(transforms, 0).length;
    if (count === 0) return [];
    const prepared = await watch.time('warp', () => backend.prepare(image));
    const faces: FaceAnalysis[] = [];
    try {
      for (let first = 0; first < count; first += maxFaces) {
        signal.throwIfAborted();
        const start = performance.now();
        // All crop groups at once: on a GPU the second is computed while the first is read back.
        const runs = await allSettledOrThrow(
          transforms.map((all, group) => prepared.run(group, all.slice(first, first + maxFaces))),
        );
        const computed = performance.now();
        const warped = runs.reduce((sum, { warp }) => sum + warp, 0);
        watch.add('warp', warped);
        watch.add('network', computed - start - warped);
        const outputs: RawOutputs[] = runs.map(({ raw }) => raw);
        for (let i = 0; i < Math.min(maxFaces, count - first); i++) {
          faces.push(analysisOf(this.manifest, this.groups, outputs, i));
        }
        watch.add('results', performance.now() - computed);
      }
    } finally {
      prepared.dispose();
    }
    signal.throwIfAborted();
    return faces;
  }

  #adopt({ backend, choice }: ChosenBackend): Backend {
    this.#choice = choice;
    this.#maxSide = backend.maxSide;
    void backend.lost.then((reason) => {
      this.#gone.add(backend);
      if (this.#life.signal.aborted) return;
      this.#backend = this.#replace(backend, reason || 'no reason given');
      // Runs that wait for the backend reject with the error; with none waiting, `failed` alone reports it.
      this.#backend.catch(() => undefined);
    });
    return backend;
  }

  async #replace(lost: Backend, reason: string): Promise<Backend> {
    this.#events.onDeviceChange({ state: 'lost', reason });
    lost.dispose();
    try {
      const now = performance.now();
      while (this.#losses[0] !== undefined && now - this.#losses[0] > LOSS_WINDOW_MS) this.#losses.shift();
      this.#losses.push(now);
      if (this.#settings.device) throw new Error('the device was given by the caller');
      if (this.#losses.length > MOST_LOSSES) throw new Error(`it was lost ${this.#losses.length} times in a row`);
      const chosen = await this.#chooseAgain(lost.kind);
      const backend = this.#adopt(chosen);
      if (this.#life.signal.aborted) backend.dispose();
      this.#life.signal.throwIfAborted();
      this.#events.onDeviceChange({ state: 'restored', engine: chosen.choice });
      return backend;
    } catch (cause) {
      const error = new DeviceLostError(`The GPU device was lost: ${reason}.`, {
        ...(cause instanceof Error ? { actual: cause.message } : {}),
        hint: 'Dispose this analyzer and create it again.',
        cause,
      });
      if (!this.#life.signal.aborted) this.#fail(error);
      throw error;
    }
  }

  /** The same engine again if it can be had, else what the options allow. */
  async #chooseAgain(kind: EngineKind): Promise<ChosenBackend> {
    const { signal } = this.#life;
    const input = { model: this.#model, groups: this.groups, maxFaces: this.#settings.maxFaces, signal };
    for (const delay of RETRY_AFTER_MS) {
      await new Promise((resolve) => setTimeout(resolve, delay));
      signal.throwIfAborted();
      try {
        return await chooseBackend(input, { ...this.#settings, engine: kind });
      } catch {
        signal.throwIfAborted();
      }
    }
    return chooseBackend(input, this.#settings);
  }

  /** Frees the engine; runs under way reject. Call it once. */
  dispose(): void {
    this.#life.abort();
    this.#explainer?.dispose();
    this.#backend.then((backend) => backend.dispose()).catch(() => undefined);
  }
}

/** As `Promise.all`, but throws the first failure only after all have settled: nothing still runs when it throws. */
async function allSettledOrThrow<R>(promises: readonly Promise<R>[]): Promise<R[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
