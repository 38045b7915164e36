import type { FivePoints } from '@swinface/alignment';
import type { Manifest } from '@swinface/core';
import type { Settings } from '../options.js';
import type { CropResult, PictureResult, WatchedFrame, WatchOptions } from '../runner/runner.js';
import type { Chosen, DeviceEvent, EngineKind, FaceExplanation, ProgressEvent } from '../types.js';
import type { Packed } from './errors.js';

/** The worker's first message: what is posted before it is lost, since nothing listens yet. */
export const READY = 'swinface ready';

/** A picture on its way: a file is decoded in the worker, everything else was captured on the page and is transferred. */
export type PostedPicture =
  | { readonly file: Blob }
  | { readonly pixels: ImageBitmap | VideoFrame; readonly width: number; readonly height: number };

/** What a call gives: errors travel as values, to arrive as the classes they were. */
export type Answer<R> = { readonly value: R } | { readonly error: Packed };

/** What the page needs to know of the runner in the worker. */
export interface RunnerFacts {
  readonly engine: Chosen<EngineKind>;
  readonly locator: Chosen<string> | undefined;
  readonly manifest: Manifest;
  readonly outputs: readonly string[];
  readonly maxSide: number | undefined;
}

/** Messages that the worker posts on its own. */
export type WorkerEvent =
  | { readonly progress: ProgressEvent }
  | { readonly device: DeviceEvent; readonly maxSide: number | undefined }
  | { readonly failed: Packed };

/** Options that can be posted: no device, no locator of the caller's. */
export type PostedSettings = Settings & { readonly device: undefined };

/**
 * The worker as the page calls it. A call that can be cancelled begins with a number of its own.
 * One worker serves one analyzer.
 */
export interface AnalyzerWorker {
  /** Holds a lock of this name for as long as the worker lives, and resolves once it does; false if there are no locks. */
  hold(lock: string): Promise<boolean>;
  /** @param events where {@link WorkerEvent}s go */
  open(call: number, settings: PostedSettings, events: MessagePort): Promise<Answer<RunnerFacts>>;
  analyze(
    call: number,
    picture: PostedPicture,
    points: readonly FivePoints[] | undefined,
  ): Promise<Answer<PictureResult>>;
  analyzeAligned(call: number, picture: PostedPicture): Promise<Answer<CropResult>>;
  explain(
    call: number,
    picture: PostedPicture,
    tasks: readonly string[],
    points: FivePoints | undefined,
  ): Promise<Answer<FaceExplanation | undefined>>;
  /** Makes watcher number `watcher`. */
  watch(watcher: number, options: WatchOptions): void;
  look(call: number, watcher: number, picture: PostedPicture, time: number): Promise<Answer<WatchedFrame>>;
  unwatch(watcher: number): void;
  /** Aborts a call. The page has already rejected it and ignores the error that answers it. */
  cancel(call: number): void;
}
