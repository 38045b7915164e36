import { type FivePoints, type ImageSource, UprightImage } from '@swinface/alignment';
import { type Manifest, SwinFaceError, UnsupportedDeviceError } from '@swinface/core';
import { type Remote, releaseProxy, transfer, wrap } from 'comlink';
import { Gate, untilAborted } from '../abort.js';
import type { Settings } from '../options.js';
import type {
  CropResult,
  FrameWatcher,
  PictureResult,
  Runner,
  RunnerEvents,
  WatchedFrame,
  WatchOptions,
} from '../runner.js';
import type { Choice, EngineKind, FaceExplanation, Timings } from '../types.js';
import { unpackError } from './errors.js';
import type { AnalyzerWorker, Answer, PostedPicture, RunnerFacts, WorkerEvent } from './protocol.js';

/** Pictures captured for the worker ahead of its answers; as many as it works at together. */
const PICTURES_POSTED = 2;

/** The worker could not be started: the work may still be done elsewhere. */
export class WorkerStartError extends UnsupportedDeviceError {}

/** A worker with an open port, and how it fails. */
interface StartedWorker {
  readonly remote: Remote<AnalyzerWorker>;
  /** Resolves when it breaks. */
  readonly broken: Promise<SwinFaceError>;
  /** Ends it, and with it everything it holds. */
  end(): void;
}

/** Does everything in a worker. Pictures are captured here, where their elements live, and transferred. */
export class WorkerRunner implements Runner {
  readonly thread = { kind: 'worker', description: 'a worker' } as const;
  readonly failed: Promise<SwinFaceError>;
  readonly #end: () => void;
  readonly #remote: Remote<AnalyzerWorker>;
  readonly #gate = new Gate(PICTURES_POSTED);
  #facts: RunnerFacts;
  /** Number of the last call, or of the last watcher. */
  #last = 0;

  private constructor(
    remote: Remote<AnalyzerWorker>,
    facts: RunnerFacts,
    failed: Promise<SwinFaceError>,
    end: () => void,
  ) {
    this.#remote = remote;
    this.#end = end;
    this.#facts = facts;
    this.failed = failed;
  }

  /**
   * Starts a worker and opens a runner in it.
   *
   * @throws {WorkerStartError} if the worker does not start
   * @throws as `FaceAnalyzer.create` otherwise; the worker is gone then
   */
  static async open(settings: Settings, signal: AbortSignal, events: RunnerEvents): Promise<WorkerRunner> {
    const { remote, broken, end: endWorker } = await start(settings.assets.worker, signal);
    let runner: WorkerRunner | undefined;
    let failed: (error: SwinFaceError) => void = () => {};
    const failure = new Promise<SwinFaceError>((resolve) => {
      failed = resolve;
    });
    void broken.then(failed);
    // A port of its own, which can be closed: left open it would keep all of this alive after the worker's end.
    const { port1, port2 } = new MessageChannel();
    const end = () => {
      endWorker();
      port1.close();
    };
    port1.onmessage = ({ data: event }: MessageEvent<WorkerEvent>) => {
      if ('progress' in event) {
        if (!runner && !signal.aborted) events.onProgress(event.progress);
      } else if ('failed' in event) failed(unpackError(event.failed) as SwinFaceError);
      else {
        if (runner && event.device.state === 'restored') runner.#restored(event.device.engine, event.maxSide);
        events.onDeviceChange(event.device);
      }
    };
    try {
      const posted = { ...settings, device: undefined };
      const opening: Promise<Answer<RunnerFacts>> = remote.open(0, posted, transfer(port2, [port2]));
      const facts = await untilAborted(
        Promise.race([opening.then((answer) => unwrap(answer)), rejection(broken)]),
        signal,
      );
      runner = new WorkerRunner(remote, facts, failure, end);
      return runner;
    } catch (error) {
      end();
      throw error;
    }
  }

  get engine(): Choice<EngineKind> {
    return this.#facts.engine;
  }

  get locator(): Choice<string> | undefined {
    return this.#facts.locator;
  }

  get manifest(): Manifest {
    return this.#facts.manifest;
  }

  get outputs(): readonly string[] {
    return this.#facts.outputs;
  }

  #restored(engine: Choice<EngineKind>, maxSide: number | undefined): void {
    this.#facts = { ...this.#facts, engine, maxSide };
  }

  async analyze(
    source: ImageSource,
    points: readonly FivePoints[] | undefined,
    signal: AbortSignal,
  ): Promise<PictureResult> {
    const { result, capture } = await this.#post(source, signal, (call, picture) =>
      this.#remote.analyze(call, picture, points),
    );
    return { ...result, timings: withCapture(result.timings, capture) };
  }

  async analyzeAligned(crop: ImageSource, signal: AbortSignal): Promise<CropResult> {
    const { result, capture } = await this.#post(crop, signal, (call, picture) =>
      this.#remote.analyzeAligned(call, picture),
    );
    return { ...result, timings: withCapture(result.timings, capture) };
  }

  async explain(
    source: ImageSource,
    tasks: readonly string[],
    points: FivePoints | undefined,
    signal: AbortSignal,
  ): Promise<FaceExplanation | undefined> {
    const { result } = await this.#post(source, signal, (call, picture) =>
      this.#remote.explain(call, picture, tasks, points),
    );
    return result;
  }

  watch(options: WatchOptions): FrameWatcher {
    const number = ++this.#last;
    void this.#remote.watch(number, options);
    return {
      look: async (source, time, signal): Promise<WatchedFrame> => {
        const { result, capture } = await this.#post(source, signal, (call, picture) =>
          this.#remote.look(call, number, picture, time),
        );
        return { ...result, timings: withCapture(result.timings, capture) };
      },
      close: () => void this.#remote.unwatch(number),
    };
  }

  /** Captures a picture and calls the worker with it; an abort is passed on. */
  async #post<R>(
    source: ImageSource,
    signal: AbortSignal,
    call: (number: number, picture: PostedPicture) => Promise<Answer<R>>,
  ): Promise<{ readonly result: R; readonly capture: number }> {
    const leave = await this.#gate.enter(signal);
    const number = ++this.#last;
    const cancel = () => void this.#remote.cancel(number);
    try {
      const start = performance.now();
      const picture = await capture(source, this.#facts.maxSide, signal);
      const captured = performance.now() - start;
      const things = 'file' in picture ? [] : [picture.pixels];
      const answer = call(number, transfer(picture, things));
      signal.addEventListener('abort', cancel, { once: true });
      return { result: unwrap(await answer), capture: captured };
    } finally {
      signal.removeEventListener('abort', cancel);
      leave();
    }
  }

  /** Ends the worker, and with it everything it holds. */
  dispose(): void {
    this.#end();
  }
}

/**
 * Starts the worker and waits until its code is there.
 *
 * @param address by default the file beside this one
 */
async function start(address: string | undefined, signal: AbortSignal): Promise<StartedWorker> {
  let worker: Worker;
  try {
    // Spelt out so that bundlers see it, find the file, and bundle it.
    worker =
      address === undefined
        ? new Worker(new URL('../worker.js', import.meta.url), { type: 'module', name: 'swinface' })
        : new Worker(address, { type: 'module', name: 'swinface' });
  } catch (cause) {
    throw startError(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const remote = wrap<AnalyzerWorker>(worker);
  const listening = new AbortController();
  const end = () => {
    // Else the listeners and comlink's own book-keeping hold each other, and everything that was ever posted.
    listening.abort();
    remote[releaseProxy]();
    worker.terminate();
  };
  let running = false;
  const broken = new Promise<SwinFaceError>((resolve) => {
    const report = (message: string) => {
      resolve(
        running
          ? new SwinFaceError('INTERNAL', `The worker broke: ${message}.`, { hint: 'Create another FaceAnalyzer.' })
          : startError(message),
      );
      worker.terminate();
    };
    const { signal } = listening;
    worker.addEventListener(
      'error',
      (event) => {
        event.preventDefault();
        report(event.message || 'its script could not be loaded');
      },
      { signal },
    );
    worker.addEventListener('messageerror', () => report('a message could not be read'), { signal });
  });
  try {
    await untilAborted(Promise.race([remote.hello(), rejection(broken)]), signal);
  } catch (error) {
    end();
    throw error;
  }
  running = true;
  return { remote, broken, end };
}

const startError = (message: string, cause?: unknown) =>
  new WorkerStartError('The worker did not start.', {
    actual: message,
    hint: 'Serve its script from this origin, or name its address in the option "assets"; a Content-Security-Policy needs worker-src \'self\'.',
    cause,
  });

/** Rejects with what a promise of an error resolves to. */
const rejection = (error: Promise<SwinFaceError>): Promise<never> => error.then((reason) => Promise.reject(reason));

/** @throws the error that came as an answer, as the class it was */
function unwrap<R>(answer: Answer<R>): R {
  if ('error' in answer) throw unpackError(answer.error);
  return answer.value;
}

/** A picture as the worker can have it; what the caller gave stays the caller's. */
async function capture(source: ImageSource, maxSide: number | undefined, signal: AbortSignal): Promise<PostedPicture> {
  // A file is decoded there; it is not copied on the way.
  if (source instanceof Blob) return { file: source };
  if (source instanceof UprightImage) {
    const { pixels, width, height } = source;
    return { pixels: 'displayWidth' in pixels ? pixels.clone() : await createImageBitmap(pixels), width, height };
  }
  const image = await UprightImage.from(source, { signal, ...(maxSide === undefined ? {} : { maxSide }) });
  const { pixels, width, height } = image;
  return { pixels, width, height };
}

const withCapture = (timings: Timings, milliseconds: number): Timings => ({
  ...timings,
  decode: timings.decode + milliseconds,
  total: timings.total + milliseconds,
});
