import type { CapturedImage, FivePoints } from '@swinface/alignment';
import type { Manifest, SwinFaceError } from '@swinface/core';
import type {
  AlignedFace,
  Chosen,
  DeviceEvent,
  EngineKind,
  Face,
  FaceExplanation,
  ProgressEvent,
  Timings,
  TrackedFace,
} from '../types.js';

/** The faces of one picture. */
export interface PictureResult {
  readonly faces: readonly Face[];
  readonly timings: Timings;
}

/** The face of one aligned crop. */
export interface CropResult {
  readonly face: AlignedFace;
  readonly timings: Timings;
}

/** Options of {@link Runner.watch}. */
export interface WatchOptions {
  /** Milliseconds between two looks at a face that has not changed. */
  readonly analyzeEvery: number;
}

/** One frame of a video with its faces so far. */
export interface WatchedFrame {
  readonly faces: readonly TrackedFace[];
  readonly timings: Timings;
  /** Runs of the network per second, over the last two seconds. */
  readonly analysisRate: number;
}

/** Follows the faces of one video from frame to frame. */
export interface FrameWatcher {
  /**
   * Looks at a frame. One call at a time.
   *
   * @param time of the frame in seconds, later than before
   * @throws the signal's reason
   */
  look(picture: CapturedImage, time: number, signal: AbortSignal): Promise<WatchedFrame>;
  /** Ends what still runs in the background. */
  close(): void;
}

/** Events of a runner, while it opens and later. */
export interface RunnerEvents {
  readonly onProgress: (event: ProgressEvent) => void;
  readonly onDeviceChange: (event: DeviceEvent) => void;
}

/**
 * Does the work of a `FaceAnalyzer`: on this thread, or in a worker. Pictures stay the caller's, who disposes them once the
 * call has settled.
 */
export interface Runner {
  readonly thread: Chosen<'worker' | 'main'>;
  /** Another one after the device was lost and another engine took over. */
  readonly engine: Chosen<EngineKind>;
  readonly locator: Chosen<string> | undefined;
  readonly manifest: Manifest;
  /** Names of the outputs that are computed. */
  readonly outputs: readonly string[];
  /** Resolves once nothing more can be computed, with the reason; not by `dispose`. */
  readonly failed: Promise<SwinFaceError>;
  analyze(
    picture: CapturedImage,
    points: readonly FivePoints[] | undefined,
    signal: AbortSignal,
  ): Promise<PictureResult>;
  analyzeAligned(crop: CapturedImage, signal: AbortSignal): Promise<CropResult>;
  /** Undefined where there is no face. */
  explain(
    picture: CapturedImage,
    tasks: readonly string[],
    points: FivePoints | undefined,
    signal: AbortSignal,
  ): Promise<FaceExplanation | undefined>;
  watch(options: WatchOptions): FrameWatcher;
  /** Frees everything: at once where nothing runs, else as soon as the running step ends. Call it once. */
  dispose(): void;
}
