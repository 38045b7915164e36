// For applications whose own settings do not name it; `Symbol.dispose` is in the types of this package.
/// <reference lib="esnext.disposable" preserve="true" />
import { type CapturedImage, type ImageSource, UprightImage } from '@swinface/alignment';
import { DisposedError, InvalidInputError, type Manifest } from '@swinface/core';
import { anySignal, untilAborted } from '@swinface/core/internal';
import {
  type CompareOptions,
  type Comparison,
  compare,
  type Embedded,
  type Match,
  match,
  type Verification,
  verify,
} from '@swinface/postprocessing';
import { openRunner } from './open-runner.js';
import { checkedCall, checkedNames, checkedOptions, checkedPoints, requireVideo } from './options.js';
import type { Runner } from './runner/runner.js';
import type {
  AlignedFace,
  AnalyzeOptions,
  Chosen,
  EngineKind,
  ExplainOptions,
  Face,
  FaceAnalyzerOptions,
  FaceExplanation,
  ProgressEvent,
  StreamFrame,
  StreamOptions,
} from './types.js';

/** What is explained unless other tasks are named. */
const EXPLAINED = ['Age', 'Gender', 'Expression'] as const;

/**
 * Finds every face of a picture or video and says who it resembles, how old it looks, and forty more things.
 * Owns the network's device memory and the locator: dispose it.
 *
 * @example
 * const analyzer = await FaceAnalyzer.create({ model: '/models/swinface-mobile.json' });
 * const faces = await analyzer.analyze(photo);
 * console.log(faces[0]?.age?.years, faces[0]?.expression?.happiness, faces[0]?.attributes.Eyeglasses);
 * analyzer.dispose();
 */
export class FaceAnalyzer implements Disposable {
  /** The locator at work, and why it is not BlazeFace where it is not; undefined if created with `locator: 'none'`. */
  readonly locator: Chosen<string> | undefined;
  /** Where the work is done, and why it is not in a worker where it could not be. */
  readonly thread: Chosen<'worker' | 'main'>;
  /** The model's passport; show a notice where its `synthetic` is true. */
  readonly manifest: Manifest;
  /** Names of the outputs that are computed. */
  readonly outputs: readonly string[];
  readonly #runner: Runner;
  /** Aborts with what every pending and later call rejects with. */
  readonly #ended = new AbortController();
  #disposed = false;

  private constructor(runner: Runner) {
    this.#runner = runner;
    this.locator = runner.locator;
    this.thread = runner.thread;
    this.manifest = runner.manifest;
    this.outputs = runner.outputs;
    void runner.failed.then((error) => this.#ended.abort(error));
  }

  /** The engine at work, and why it is not WebGPU where it is not; another one if the device was lost and did not return. */
  get engine(): Chosen<EngineKind> {
    return this.#runner.engine;
  }

  /**
   * Loads and checks the model, compiles the network for this machine, loads the locator; all of it from the addresses
   * given, by default from this page's own origin.
   *
   * @throws {InvalidInputError} if an option is not usable, or an output is not offered by the model
   * @throws {ModelDownloadError} if a file of the model cannot be fetched
   * @throws {WeightsInvalidError} if the model's files cannot be trusted
   * @throws {UnsupportedDeviceError} if no engine runs here, or a worker was demanded and does not start
   * @throws the signal's reason once it aborts; what was loaded by then is freed
   */
  static async create(options: FaceAnalyzerOptions): Promise<FaceAnalyzer> {
    const settings = checkedOptions(options);
    const { signal = new AbortController().signal } = options;
    signal.throwIfAborted();
    let opened = false;
    const runner = await openRunner(settings, signal, {
      onProgress: (event) => {
        if (!opened) options.onProgress?.(event);
      },
      onDeviceChange: (event) => options.onDeviceChange?.(event),
    });
    opened = true;
    const ready: ProgressEvent = { stage: 'ready', loaded: 1, total: 1 };
    options.onProgress?.(ready);
    return new FaceAnalyzer(runner);
  }

  /**
   * Finds and analyses every face of a picture. Calls may overlap; they are served one after another. The picture is that of
   * the moment of the call, whatever happens to a canvas, video or bitmap afterwards; an image element must show the same
   * picture until it is answered.
   *
   * @returns one entry per face, largest first (or in the order of `points`); empty if there is none
   * @throws {InvalidInputError} if the picture cannot be read, or points are not usable
   * @throws {DeviceLostError} once the GPU device is lost and does not return; until then calls wait for it
   * @throws {DisposedError} after `dispose`, also for calls that were pending
   * @throws the signal's reason once it aborts
   *
   * @example
   * const faces = await analyzer.analyze(file, { signal, onTimings: ({ total }) => console.log(`${total} ms`) });
   */
  async analyze(source: ImageSource, options: AnalyzeOptions = {}): Promise<readonly Face[]> {
    const { signal, points, onTimings } = checkedCall('analyze', options);
    const given = points && checkedPoints(points);
    const { faces, timings } = await this.#run(source, signal, (picture, either) =>
      this.#runner.analyze(picture, given, either),
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
    const { signal, onTimings } = checkedCall('analyzeAligned', options);
    const { face, timings } = await this.#run(crop, signal, (picture, either) =>
      this.#runner.analyzeAligned(picture, either),
    );
    onTimings?.(timings);
    return face;
  }

  /**
   * Why the network answers as it does: per task, which of its levels the subnet listens to, and where on the face its
   * features speak for the answer. The first call makes a second network that keeps its feature maps.
   *
   * @returns undefined where there is no face
   * @throws {InvalidInputError} if a task is not computed by this analyzer
   * @throws as {@link FaceAnalyzer.analyze} otherwise
   *
   * @example
   * const { explanations } = await analyzer.explain(photo, { tasks: ['Age', 'Eyeglasses'] }) ?? {};
   */
  async explain(source: ImageSource, options: ExplainOptions = {}): Promise<FaceExplanation | undefined> {
    const { points, signal, tasks } = checkedCall('explain', options);
    const names = tasks ? checkedNames('tasks', tasks) : EXPLAINED.filter((task) => this.outputs.includes(task));
    const given = points && checkedPoints([points])[0];
    return this.#run(source, signal, (picture, either) => this.#runner.explain(picture, names, given, either));
  }

  /**
   * Analyses a playing video, frame by frame: always the newest, dropping those that are shown while one is looked at.
   * Faces are found and followed in every frame; the network looks at those that are new or changed, and at a set rate
   * at the rest, while further frames are looked at. Pauses while the page is hidden, and while the video is sought. Ends
   * with the video, or when the page stops its camera or takes the video's source away. Leaving the loop stops it.
   *
   * @throws {CameraError} if the camera is unplugged or taken away
   * @throws {InvalidInputError} if an option is not usable, or the video cannot be loaded or decoded
   * @throws as {@link FaceAnalyzer.analyze}
   *
   * @example
   * for await (const { faces } of analyzer.stream(video, { signal })) draw(faces);
   */
  async *stream(video: HTMLVideoElement, options: StreamOptions = {}): AsyncGenerator<StreamFrame, void, undefined> {
    const { signal, analyzeEvery = 500 } = checkedCall('stream', options);
    this.#check();
    requireVideo(video);
    if (!(analyzeEvery >= 0 && analyzeEvery < Infinity)) {
      throw new InvalidInputError('The option "analyzeEvery" of stream is not usable.', {
        expected: 'milliseconds, 0 or more',
        actual: String(analyzeEvery),
      });
    }
    const either = anySignal(signal, this.#ended.signal);
    const { framesOf } = await untilAborted(import('./stream/frames.js'), either);
    yield* framesOf(video, this.#runner.watch({ analyzeEvery }), either);
  }

  /**
   * How alike two faces are, and whether that says "same", "unsure" or "different" at the model's measured operating points,
   * with the rate of error of either answer; nothing is made up where none was measured.
   *
   * @throws {InvalidInputError} if a face has no embedding or comes from another model, or `falseMatchRate` was not measured
   */
  compare(a: Embedded, b: Embedded, options?: CompareOptions): Comparison {
    return compare(a, b, this.manifest.calibration.verification, options);
  }

  /**
   * Whether two faces match, "same", "unsure" or "different", at a false match rate that was measured for the model; for
   * acting upon.
   *
   * @throws {InvalidInputError} as {@link FaceAnalyzer.compare}, and if the model has no measured operating points
   */
  verify(a: Embedded, b: Embedded, options?: CompareOptions): Verification {
    return verify(a, b, this.manifest.calibration.verification, options);
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
   * Rejects pending calls with a {@link DisposedError} and frees everything: at once where the work is done in a worker
   * or nothing runs, else as soon as the running step ends. More calls do nothing. Device and locator that the caller
   * gave stay the caller's.
   */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#ended.abort(disposedError());
    this.#runner.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(): void {
    if (this.#disposed) throw disposedError();
    this.#ended.signal.throwIfAborted();
  }

  /**
   * Captures a picture at once and runs a task on it as soon as it has loaded. The task sees the caller's signal and the end
   * of this analyzer, and is not waited for beyond them.
   */
  async #run<R>(
    source: ImageSource,
    signal: AbortSignal | undefined,
    task: (picture: CapturedImage, either: AbortSignal) => Promise<R>,
  ): Promise<R> {
    this.#check();
    const either = anySignal(signal, this.#ended.signal);
    either.throwIfAborted();
    const picture = UprightImage.capture(source);
    try {
      await untilAborted(picture.ready, either);
    } catch (error) {
      picture.dispose();
      throw error;
    }
    const done = task(picture, either).finally(() => picture.dispose());
    return untilAborted(done, either);
  }
}

const disposedError = () => new DisposedError('This FaceAnalyzer was disposed.', { hint: 'Create another one.' });
