import {
  type CapturedImage,
  cropTransform,
  type FivePoints,
  type LocateOptions,
  type Similarity,
  type UprightImage,
} from '@swinface/alignment';
import { InvalidInputError, type Manifest, type SwinFaceError } from '@swinface/core';
import { anySignal, at, untilAborted } from '@swinface/core/internal';
import type { FaceAnalysis } from '@swinface/postprocessing';
import type { Settings } from '../options.js';
import { Busy } from '../runner/busy.js';
import { Gate } from '../runner/gate.js';
import type { qualityOf } from '../runner/quality.js';
import { type FoundFace, faceOf, facesFromPoints } from '../runner/results.js';
import type { CropResult, FrameWatcher, PictureResult, Runner, RunnerEvents, WatchOptions } from '../runner/runner.js';
import { Stopwatch } from '../runner/stopwatch.js';
import type { Picture, Workplace } from '../runner/workplace.js';
import type { Chosen, EngineKind, FaceExplanation } from '../types.js';
import { type OpenLocator, openLocator } from './locator.js';
import { Network } from './network.js';

/** While one picture is on the GPU the next is located and warped; a third would only wait. */
const PICTURES_ON_THE_NETWORK = 2;

type QualityOf = typeof qualityOf;

const IDENTITY: Similarity = { a: 1, b: 0, tx: 0, ty: 0 };

/** Does everything on this thread; also inside the worker. */
export class LocalRunner implements Runner, Workplace {
  readonly thread: Chosen<'worker' | 'main'>;
  readonly locator: Chosen<string> | undefined;
  readonly failed: Promise<SwinFaceError>;
  readonly #network: Network;
  readonly #locator: OpenLocator | undefined;
  readonly #qualityOf: QualityOf;
  readonly #smallestFace: number | undefined;
  readonly #minimumScore: number;
  /** Decoding and locating, one picture at a time: they share the locator's memory. */
  readonly #front = new Gate(1);
  readonly #back = new Gate(PICTURES_ON_THE_NETWORK);
  readonly #busy = new Busy();

  private constructor(
    network: Network,
    locator: OpenLocator | undefined,
    qualityOf: QualityOf,
    { smallestFace, minimumScore }: Settings,
    thread: Chosen<'worker' | 'main'>,
  ) {
    this.#network = network;
    this.#locator = locator;
    this.#qualityOf = qualityOf;
    this.#smallestFace = smallestFace;
    this.#minimumScore = minimumScore;
    this.locator = locator?.choice;
    this.failed = network.failed;
    this.thread = thread;
  }

  /**
   * Loads model and locator, and compiles the network.
   *
   * @throws as `FaceAnalyzer.create`; what was loaded by then is freed
   */
  static async open(
    settings: Settings,
    signal: AbortSignal,
    events: RunnerEvents,
    thread: Chosen<'worker' | 'main'>,
  ): Promise<LocalRunner> {
    const failed = new AbortController();
    const either = anySignal(signal, failed.signal);
    const network = Network.open(settings, either, events);
    const locating = openLocator(settings, either).then((opened) => {
      events.onProgress({ stage: 'locator', loaded: 1, total: 1 });
      return opened;
    });
    try {
      const [opened, locator, { qualityOf }] = await untilAborted(
        Promise.all([network, locating, import('../runner/quality.js')]),
        either,
      );
      return new LocalRunner(opened, locator, qualityOf, settings, thread);
    } catch (error) {
      failed.abort(error);
      // Of the two, one may still finish loading after the other failed: it is freed then.
      network.then((opened) => opened.dispose()).catch(() => undefined);
      locating.then((opened) => opened?.owned && opened.locator.dispose()).catch(() => undefined);
      throw error;
    }
  }

  get engine(): Chosen<EngineKind> {
    return this.#network.choice;
  }

  get manifest(): Manifest {
    return this.#network.manifest;
  }

  get outputs(): readonly string[] {
    return this.#network.outputs;
  }

  /** Longest side of a picture that the engine can read; undefined for no limit of its own. */
  get maxSide(): number | undefined {
    return this.#network.maxSide;
  }

  analyze(
    picture: CapturedImage,
    points: readonly FivePoints[] | undefined,
    signal: AbortSignal,
  ): Promise<PictureResult> {
    return this.#busy.track(this.#analyze(picture, points, signal));
  }

  async #analyze(
    source: CapturedImage,
    points: readonly FivePoints[] | undefined,
    signal: AbortSignal,
  ): Promise<PictureResult> {
    const given = points === undefined ? undefined : facesFromPoints(points);
    const look = async (image: UprightImage, watch: Stopwatch) =>
      given ?? (await this.locate(image, undefined, signal, watch));
    return this.#onNetwork(await this.bringIn(source, look, signal), signal, async ({ image, found, watch }) => {
      const analyses = await this.analyzeFaces(image, found, signal, watch);
      const { id } = this.manifest;
      const faces = await watch.time('results', () =>
        found.map((face, i) => {
          const analysis = at(analyses, i);
          return faceOf(face, analysis, this.#qualityOf(image, face, analysis), id);
        }),
      );
      return { faces, timings: watch.read() };
    });
  }

  explain(
    source: CapturedImage,
    tasks: readonly string[],
    points: FivePoints | undefined,
    signal: AbortSignal,
  ): Promise<FaceExplanation | undefined> {
    return this.#busy.track(this.#explain(source, tasks, points, signal));
  }

  async #explain(
    source: CapturedImage,
    tasks: readonly string[],
    points: FivePoints | undefined,
    signal: AbortSignal,
  ): Promise<FaceExplanation | undefined> {
    const look = async (image: UprightImage, watch: Stopwatch) =>
      points ?? (await this.locate(image, undefined, signal, watch))[0]?.points;
    return this.#onNetwork(await this.bringIn(source, look, signal), signal, async ({ image, found }) =>
      found ? this.#network.explain(image, found, tasks, signal) : undefined,
    );
  }

  analyzeAligned(crop: CapturedImage, signal: AbortSignal): Promise<CropResult> {
    return this.#busy.track(this.#analyzeAligned(crop, signal));
  }

  async #analyzeAligned(crop: CapturedImage, signal: AbortSignal): Promise<CropResult> {
    const { groups, manifest } = this.#network;
    const size = manifest.config.image;
    if (groups.length > 1) {
      throw new InvalidInputError('One aligned crop does not serve all outputs of this analyzer.', {
        expected: 'outputs that share a crop',
        actual: groups.map(({ zoom, selection }) => `${selection.tasks.length} at zoom ${zoom}`).join(', '),
        hint: 'Create an analyzer with the option "outputs", or give the whole picture and five points.',
      });
    }
    const check = (image: UprightImage) => {
      if (image.width === size && image.height === size) return;
      throw new InvalidInputError('This is not an aligned crop.', {
        expected: `${size} x ${size} pixels`,
        actual: `${image.width} x ${image.height}`,
        hint: 'Use analyze() for pictures.',
      });
    };
    return this.#onNetwork(await this.bringIn(crop, check, signal), signal, async ({ image, watch }) => {
      const analyses = await this.#network.run(image, [[IDENTITY]], signal, watch);
      const face = { ...at(analyses, 0), model: manifest.id };
      return { face, timings: watch.read() };
    });
  }

  /** The watcher's code is loaded by the first call, so that pages with photos alone never load it. */
  watch(options: WatchOptions): FrameWatcher {
    let watcher: FrameWatcher | undefined;
    let closed = false;
    const loading = import('../stream/watcher.js').then(({ LocalWatcher }) => {
      watcher = new LocalWatcher(this, options);
      if (closed) watcher.close();
      return watcher;
    });
    loading.catch(() => undefined); // `look` rejects with this error; before it is called the rejection would count as unhandled.
    const look: FrameWatcher['look'] = async (picture, time, signal) => (await loading).look(picture, time, signal);
    return {
      look: (picture, time, signal) =>
        watcher?.look(picture, time, signal) ?? this.#busy.track(look(picture, time, signal)),
      close: () => {
        closed = true;
        watcher?.close();
      },
    };
  }

  /** Keeps the runner's parts alive until a background task of a watcher has ended. */
  keep<R>(task: Promise<R>): Promise<R> {
    return this.#busy.track(task);
  }

  /**
   * Decodes a picture and looks at it, with no other picture at it meanwhile. The caller lets the next one in with
   * `leaveFront`, and disposes.
   */
  async bringIn<Found>(
    source: CapturedImage,
    look: (image: UprightImage, watch: Stopwatch) => Found | Promise<Found>,
    signal: AbortSignal,
  ): Promise<Picture<Found>> {
    const leaveFront = await this.#front.enter(signal);
    const watch = new Stopwatch();
    const { maxSide } = this;
    let image: UprightImage | undefined;
    const dispose = () => {
      leaveFront();
      image?.dispose();
    };
    try {
      image = await watch.time('decode', () =>
        source.decode({ signal, ...(maxSide === undefined ? {} : { maxSide }) }),
      );
      const found = await look(image, watch);
      signal.throwIfAborted();
      return { image, found, watch, leaveFront, dispose };
    } catch (error) {
      dispose();
      throw error;
    }
  }

  /** Takes a picture on to the network as soon as there is room, and frees it after. */
  async #onNetwork<Found, R>(
    picture: Picture<Found>,
    signal: AbortSignal,
    use: (picture: Picture<Found>) => Promise<R>,
  ): Promise<R> {
    try {
      // Only now may the next one be decoded: pictures that wait would fill the memory.
      const leaveBack = await this.enterNetwork(signal);
      picture.leaveFront();
      try {
        return await use(picture);
      } finally {
        leaveBack();
      }
    } finally {
      picture.dispose();
    }
  }

  /** @throws {InvalidInputError} if the analyzer was created without a locator */
  async locate(
    image: UprightImage,
    previous: LocateOptions['previous'] | undefined,
    signal: AbortSignal,
    watch: Stopwatch,
  ): Promise<readonly FoundFace[]> {
    const locator = this.#locator?.locator;
    if (!locator) {
      throw new InvalidInputError('This analyzer was created without a locator.', {
        expected: 'the option "points"',
        hint: 'Give five points per face, or create the analyzer with a locator.',
      });
    }
    const smallestFace = this.#smallestFace;
    const found = await watch.time('locate', () =>
      locator.locate(image, {
        signal,
        ...(previous ? { previous } : {}),
        ...(smallestFace === undefined ? {} : { smallestFace }),
      }),
    );
    return found.filter(({ score }) => score >= this.#minimumScore);
  }

  /** What the network says of faces of a picture, in their order. */
  async analyzeFaces(
    image: UprightImage,
    faces: readonly Pick<FoundFace, 'points'>[],
    signal: AbortSignal,
    watch: Stopwatch,
  ): Promise<readonly FaceAnalysis[]> {
    const transforms = this.#network.groups.map(({ zoom }) => faces.map(({ points }) => cropTransform(points, zoom)));
    return this.#network.run(image, transforms, signal, watch);
  }

  /** Whether {@link enterNetwork} would not have to wait. */
  get networkIsFree(): boolean {
    return this.#back.open;
  }

  /** Waits for a place on the network. @returns what gives it back */
  enterNetwork(signal: AbortSignal): Promise<() => void> {
    return this.#back.enter(signal);
  }

  dispose(): void {
    const free = () => {
      this.#network.dispose();
      if (this.#locator?.owned) this.#locator.locator.dispose();
    };
    if (this.#busy.idle) free();
    else void this.#busy.over().then(free);
  }
}
