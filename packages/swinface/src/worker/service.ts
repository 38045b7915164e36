import { type CapturedImage, type FivePoints, UprightImage } from '@swinface/alignment';
import { SwinFaceError, UnsupportedDeviceError } from '@swinface/core';
import { expose } from 'comlink';
import { LocalRunner } from '../local/local-runner.js';
import type {
  CropResult,
  FrameWatcher,
  PictureResult,
  RunnerEvents,
  WatchedFrame,
  WatchOptions,
} from '../runner/runner.js';
import type { FaceExplanation } from '../types.js';
import { packError } from './errors.js';
import {
  type AnalyzerWorker,
  type Answer,
  type PostedPicture,
  type PostedSettings,
  READY,
  type RunnerFacts,
  type WorkerEvent,
} from './protocol.js';

/** Set on the global object of a worker that has its service, however many copies of this module it loads. */
const SERVING = Symbol.for('swinface.serving');

/**
 * Answers the page from now on, and says so. A worker has one service: more calls do nothing.
 *
 * @throws {UnsupportedDeviceError} if workers cannot read pictures here, which pages can
 */
export function serve(): void {
  if (SERVING in globalThis) return;
  if (typeof OffscreenCanvas !== 'function') throw new UnsupportedDeviceError('Workers have no OffscreenCanvas here.');
  Object.defineProperty(globalThis, SERVING, { value: true });
  expose(new AnalyzerService());
  postMessage(READY);
}

/** The worker's side: one runner, called from the page. */
export class AnalyzerService implements AnalyzerWorker {
  #runner: LocalRunner | undefined;
  readonly #calls = new Map<number, AbortController>();
  readonly #watchers = new Map<number, FrameWatcher>();

  hold(lock: string): Promise<boolean> {
    return new Promise((resolve) => {
      const { locks } = navigator;
      if (!locks) return resolve(false);
      const held = () => {
        resolve(true);
        return new Promise<never>(() => {});
      };
      locks.request(lock, held).catch(() => resolve(false));
    });
  }

  open(call: number, settings: PostedSettings, port: MessagePort): Promise<Answer<RunnerFacts>> {
    const tell = (event: WorkerEvent) => port.postMessage(event);
    return this.#answer(call, async (signal) => {
      const events: RunnerEvents = {
        onProgress: (progress) => tell({ progress }),
        onDeviceChange: (device) => tell({ device, maxSide: this.#runner?.maxSide }),
      };
      const thread = { kind: 'worker', description: 'a worker' } as const;
      const runner = await LocalRunner.open(settings, signal, events, thread);
      this.#runner = runner;
      void runner.failed.then((error) => tell({ failed: packError(error) }));
      const { engine, locator, manifest, outputs, maxSide } = runner;
      return { engine, locator, manifest, outputs, maxSide };
    });
  }

  analyze(
    call: number,
    picture: PostedPicture,
    points: readonly FivePoints[] | undefined,
  ): Promise<Answer<PictureResult>> {
    return this.#answer(call, (signal) =>
      withReceived(picture, (source) => this.#opened().analyze(source, points, signal)),
    );
  }

  analyzeAligned(call: number, picture: PostedPicture): Promise<Answer<CropResult>> {
    return this.#answer(call, (signal) =>
      withReceived(picture, (source) => this.#opened().analyzeAligned(source, signal)),
    );
  }

  explain(
    call: number,
    picture: PostedPicture,
    tasks: readonly string[],
    points: FivePoints | undefined,
  ): Promise<Answer<FaceExplanation | undefined>> {
    return this.#answer(call, (signal) =>
      withReceived(picture, (source) => this.#opened().explain(source, tasks, points, signal)),
    );
  }

  watch(watcher: number, options: WatchOptions): void {
    this.#watchers.set(watcher, this.#opened().watch(options));
  }

  look(call: number, watcher: number, picture: PostedPicture, time: number): Promise<Answer<WatchedFrame>> {
    return this.#answer(call, async (signal) => {
      const open = this.#watchers.get(watcher);
      if (!open) throw new SwinFaceError('INTERNAL', `There is no watcher ${watcher} in the worker.`);
      return withReceived(picture, (source) => open.look(source, time, signal));
    });
  }

  unwatch(watcher: number): void {
    this.#watchers.get(watcher)?.close();
    this.#watchers.delete(watcher);
  }

  cancel(call: number): void {
    this.#calls.get(call)?.abort();
  }

  #opened(): LocalRunner {
    if (!this.#runner) throw new SwinFaceError('INTERNAL', 'The worker was called before it was ready.');
    return this.#runner;
  }

  async #answer<R>(call: number, work: (signal: AbortSignal) => Promise<R>): Promise<Answer<R>> {
    const controller = new AbortController();
    this.#calls.set(call, controller);
    try {
      return { value: await work(controller.signal) };
    } catch (error) {
      return { error: packError(error) };
    } finally {
      this.#calls.delete(call);
    }
  }
}

async function withReceived<R>(posted: PostedPicture, use: (picture: CapturedImage) => Promise<R>): Promise<R> {
  const picture = received(posted);
  try {
    return await use(picture);
  } finally {
    picture.dispose();
  }
}

/** A picture that the page has captured; what was transferred belongs to this side. */
function received(picture: PostedPicture): CapturedImage {
  if ('file' in picture) return UprightImage.capture(picture.file);
  const image = UprightImage.adopt(picture.pixels, picture);
  let open = true;
  const dispose = () => {
    if (open) image.dispose();
    open = false;
  };
  return {
    ready: Promise.resolve(),
    file: undefined,
    decode: async () => {
      open = false;
      return image;
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}
