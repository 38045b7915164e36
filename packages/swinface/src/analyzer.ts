import type { ImageSource, LocateOptions } from '@swinface/alignment';
import { DeviceLostError, DisposedError, fetchModel, type LoadedModel, type Manifest } from '@swinface/core';
import {
  type CompareOptions,
  type Comparison,
  compare,
  type Embedded,
  type Match,
  match,
} from '@swinface/postprocessing';
import { anySignal, TaskQueue, untilAborted } from './abort.js';
import type { EngineKind } from './backend.js';
import { type ChosenBackend, chooseBackend } from './choose-backend.js';
import { cropGroups } from './crops.js';
import { nextFrame } from './frames.js';
import { type OpenLocator, openLocator } from './locator.js';
import { checkedOptions, type Settings } from './options.js';
import { analyzeCrop, analyzePicture, type Job, type Pipeline } from './pipeline.js';
import { FaceTracker } from './tracking.js';
import type {
  AlignedFace,
  AnalyzeOptions,
  Choice,
  Face,
  FaceAnalyzerOptions,
  ProgressEvent,
  StreamFrame,
} from './types.js';

/** Frames of a stream between two searches of the whole frame; in between, faces are looked for near where they were. */
const SEARCH_EVERY = 10;

/**
 * Finds every face of a picture or video and says who it resembles, how old it looks, and forty more things.
 * Owns the network's device memory and the locator: dispose it.
 *
 * @example
 * const analyzer = await FaceAnalyzer.create({ model: '/models/swinface-nano.json' });
 * const faces = await analyzer.analyze(photo);
 * console.log(faces[0]?.age?.years, faces[0]?.expression?.happiness, faces[0]?.attributes.Eyeglasses);
 * analyzer.dispose();
 */
export class FaceAnalyzer implements Disposable {
  /** The engine at work, and why it is not WebGPU where it is not. */
  readonly engine: Choice<EngineKind>;
  /** The locator at work, and why it is not MediaPipe where it is not; undefined if created with `locator: 'none'`. */
  readonly locator: Choice<string> | undefined;
  /** The model's passport; show a notice where its `synthetic` is true. */
  readonly manifest: Manifest;
  /** Names of the outputs that are computed. */
  readonly outputs: readonly string[];
  readonly #pipeline: Pipeline;
  readonly #ownsLocator: boolean;
  readonly #queue = new TaskQueue();
  /** Aborts with what every pending and later call rejects with. */
  readonly #ended = new AbortController();
  #disposed = false;

  private constructor(pipeline: Pipeline, engine: Choice<EngineKind>, locator: OpenLocator | undefined) {
    this.#pipeline = pipeline;
    this.engine = engine;
    this.locator = locator?.choice;
    this.#ownsLocator = locator?.owned ?? false;
    this.manifest = pipeline.model.manifest;
    this.outputs = pipeline.groups.flatMap(({ selection }) => [
      ...(selection.recognition ? ['Recognition'] : []),
      ...selection.tasks.map(({ task }) => task.name),
    ]);
    void pipeline.backend.lost.then((reason) => {
      if (this.#disposed) return;
      this.#ended.abort(
        new DeviceLostError(`The GPU device was lost: ${reason || 'no reason given'}.`, {
          hint: 'Dispose this analyzer and create it again.',
        }),
      );
    });
  }

  /**
   * Loads and checks the model, compiles the network for this machine, loads the locator; all of it from the addresses
   * given, by default from this page's own origin.
   *
   * @throws {InvalidInputError} if an option is not usable, or an output is not offered by the model
   * @throws {ModelDownloadError} if a file of the model cannot be fetched
   * @throws {WeightsInvalidError} if the model's files cannot be trusted
   * @throws {UnsupportedDeviceError} if no engine runs here
   * @throws the signal's reason once it aborts; what was loaded by then is freed
   */
  static async create(options: FaceAnalyzerOptions): Promise<FaceAnalyzer> {
    const settings = checkedOptions(options);
    const failed = new AbortController();
    const signal = anySignal(options.signal, failed.signal);
    signal.throwIfAborted();
    const report = (event: ProgressEvent) => options.onProgress?.(event);

    const network = openNetwork(settings, signal, report);
    const locating = openLocator(settings, signal).then((opened) => {
      report({ stage: 'locator', loaded: 1, total: 1 });
      return opened;
    });
    try {
      const [pipeline, opened] = await untilAborted(Promise.all([network, locating]), signal);
      const { chosen, ...parts } = pipeline;
      const analyzer = new FaceAnalyzer(
        { ...parts, backend: chosen.backend, locator: opened?.locator },
        chosen.choice,
        opened,
      );
      report({ stage: 'ready', loaded: 1, total: 1 });
      return analyzer;
    } catch (error) {
      failed.abort(error);
      // Whatever arrives after all is freed.
      network.then(({ chosen }) => chosen.backend.dispose()).catch(() => undefined);
      locating.then((opened) => opened?.owned && opened.locator.dispose()).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Finds and analyses every face of a picture. Calls may overlap; they are served one after another.
   *
   * @returns one entry per face, largest first (or in the order of `points`); empty if there is none
   * @throws {InvalidInputError} if the picture cannot be read, or points are not usable
   * @throws {DeviceLostError} once the GPU device is lost
   * @throws {DisposedError} after `dispose`, also for calls that were pending
   * @throws the signal's reason once it aborts
   *
   * @example
   * const faces = await analyzer.analyze(file, { signal, onTimings: ({ total }) => console.log(`${total} ms`) });
   */
  async analyze(source: ImageSource, options: AnalyzeOptions = {}): Promise<readonly Face[]> {
    const { signal, points, onTimings } = options;
    const { faces, timings } = await this.#enqueue(signal, (job) =>
      analyzePicture(this.#pipeline, { ...job, source, points }),
    );
    onTimings?.(timings);
    return faces;
  }

  /**
   * Analyses one face that the caller has cut out and aligned to the ArcFace template, at the zoom of the outputs.
   *
   * @param crop 112 x 112 pixels
   * @throws {InvalidInputError} if it has another size, or the outputs of this analyzer read several crops
   * @throws as {@link FaceAnalyzer.analyze} otherwise
   */
  async analyzeAligned(crop: ImageSource, options: Omit<AnalyzeOptions, 'points'> = {}): Promise<AlignedFace> {
    const { signal, onTimings } = options;
    const { face, timings } = await this.#enqueue(signal, (job) =>
      analyzeCrop(this.#pipeline, { ...job, source: crop }),
    );
    onTimings?.(timings);
    return face;
  }

  /**
   * Analyses a playing video, frame by frame: always the newest, dropping those that arrive while one is being analysed.
   * Ends with the video. Leaving the loop stops it.
   *
   * @throws as {@link FaceAnalyzer.analyze}
   *
   * @example
   * for await (const { faces } of analyzer.stream(video, { signal })) draw(faces);
   */
  async *stream(
    video: HTMLVideoElement,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<StreamFrame, void, undefined> {
    this.#check();
    const either = anySignal(signal, this.#ended.signal);
    const tracker = new FaceTracker();
    let previous: NonNullable<LocateOptions['previous']> = [];
    for (let number = 0; ; number++) {
      const mediaTime = await nextFrame(video, either);
      if (mediaTime === undefined) return;
      const near = number % SEARCH_EVERY === 0 || previous.length === 0 ? undefined : previous;
      const { faces, timings } = await this.#enqueue(signal, (job) =>
        analyzePicture(this.#pipeline, { ...job, source: video, previous: near }),
      );
      previous = faces.map(({ box, score = 1 }) => ({ box, score }));
      const ids = tracker.update(faces.map(({ box }) => box));
      yield { faces: faces.map((face, i) => ({ ...face, id: ids[i] as number })), timings, mediaTime };
    }
  }

  /**
   * How alike two faces are, and whether they match at the model's measured operating point; no decision is made up
   * where none was measured.
   *
   * @throws {InvalidInputError} if a face has no embedding or comes from another model, or `falseMatchRate` was not measured
   */
  compare(a: Embedded, b: Embedded, options?: CompareOptions): Comparison {
    return compare(a, b, this.manifest.calibration.verification, options);
  }

  /**
   * All candidates compared with one face, most similar first.
   *
   * @throws {InvalidInputError} as {@link FaceAnalyzer.compare}
   */
  match(query: Embedded, candidates: readonly Embedded[], options?: CompareOptions): readonly Match[] {
    return match(query, candidates, this.manifest.calibration.verification, options);
  }

  /**
   * Rejects pending calls with a {@link DisposedError} and frees everything: at once where nothing runs, else as soon as
   * the running step ends. More calls do nothing. Device and locator that the caller gave stay the caller's.
   */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#ended.abort(disposedError());
    const { backend, locator } = this.#pipeline;
    const free = () => {
      backend.dispose();
      if (this.#ownsLocator) locator?.dispose();
    };
    if (this.#queue.idle) free();
    else void this.#queue.drained().then(free);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(): void {
    if (this.#disposed) throw disposedError();
    this.#ended.signal.throwIfAborted();
  }

  #enqueue<R>(signal: AbortSignal | undefined, task: (job: Pick<Job, 'signal'>) => Promise<R>): Promise<R> {
    this.#check();
    const either = anySignal(signal, this.#ended.signal);
    either.throwIfAborted();
    return this.#queue.run(() => task({ signal: either }), either);
  }
}

const disposedError = () => new DisposedError('This FaceAnalyzer was disposed.', { hint: 'Create another one.' });

async function openNetwork(settings: Settings, signal: AbortSignal, report: (event: ProgressEvent) => void) {
  const model = await loadModel(settings, signal, report);
  const groups = cropGroups(model.manifest, settings.outputs);
  report({ stage: 'engine', loaded: 0, total: 1 });
  const { maxFaces } = settings;
  const chosen: ChosenBackend = await chooseBackend({ model, groups, maxFaces, signal }, settings);
  report({ stage: 'engine', loaded: 1, total: 1 });
  return { model, groups, maxFaces, chosen };
}

async function loadModel(
  { model }: Settings,
  signal: AbortSignal,
  report: (event: ProgressEvent) => void,
): Promise<LoadedModel> {
  if (typeof model !== 'string' && !(model instanceof URL)) return model;
  return fetchModel(model, { signal, onProgress: (progress) => report({ stage: 'model', ...progress }) });
}
