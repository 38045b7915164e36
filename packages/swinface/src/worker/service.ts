import { type FivePoints, UprightImage } from '@swinface/alignment';
import { SwinFaceError } from '@swinface/core';
import { LocalRunner } from '../local-runner.js';
import type { CropResult, FrameWatcher, PictureResult, RunnerEvents, WatchedFrame, WatchOptions } from '../runner.js';
import type { FaceExplanation } from '../types.js';
import { packError } from './errors.js';
import type { AnalyzerWorker, Answer, PostedPicture, PostedSettings, RunnerFacts, WorkerEvent } from './protocol.js';

/** The worker's side: one runner, called from the page. */
export class AnalyzerService implements AnalyzerWorker {
  #runner: LocalRunner | undefined;
  readonly #calls = new Map<number, AbortController>();
  readonly #watchers = new Map<number, FrameWatcher>();

  hello(): void {}

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
      withSource(picture, (source) => this.#opened().analyze(source, points, signal)),
    );
  }

  analyzeAligned(call: number, picture: PostedPicture): Promise<Answer<CropResult>> {
    return this.#answer(call, (signal) =>
      withSource(picture, (source) => this.#opened().analyzeAligned(source, signal)),
    );
  }

  explain(
    call: number,
    picture: PostedPicture,
    tasks: readonly string[],
    points: FivePoints | undefined,
  ): Promise<Answer<FaceExplanation | undefined>> {
    return this.#answer(call, (signal) =>
      withSource(picture, (source) => this.#opened().explain(source, tasks, points, signal)),
    );
  }

  watch(watcher: number, options: WatchOptions): void {
    this.#watchers.set(watcher, this.#opened().watch(options));
  }

  look(call: number, watcher: number, picture: PostedPicture, time: number): Promise<Answer<WatchedFrame>> {
    return this.#answer(call, async (signal) => {
      const open = this.#watchers.get(watcher);
      const source = sourceOf(picture);
      if (!open) {
        if (source instanceof UprightImage) source.dispose();
        throw new SwinFaceError('INTERNAL', `There is no watcher ${watcher} in the worker.`);
      }
      return open.look(source, time, signal);
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

const sourceOf = (picture: PostedPicture): Blob | UprightImage =>
  'file' in picture ? picture.file : UprightImage.adopt(picture.pixels, picture);

async function withSource<R>(picture: PostedPicture, use: (source: Blob | UprightImage) => Promise<R>): Promise<R> {
  const source = sourceOf(picture);
  try {
    return await use(source);
  } finally {
    if (source instanceof UprightImage) source.dispose();
  }
}
