import type { FivePoints, ImageSource } from '@swinface/alignment';
import type { Manifest, SwinFaceError } from '@swinface/core';
import type {
  AlignedFace,
  Choice,
  DeviceEvent,
  EngineKind,
  Face,
  FaceExplanation,
  ProgressEvent,
  Timings,
  TrackedFace,
} from './types.js';

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

/** How often the network looks at the faces of a video. */
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
   * Looks at what `source` shows now. One call at a time. An `UprightImage` is taken over, and disposed.
   *
   * @param time of the frame in seconds, later than before
   * @throws the signal's reason
   */
  look(source: ImageSource, time: number, signal: AbortSignal): Promise<WatchedFrame>;
  /** Ends what still runs in the background. */
  close(): void;
}

/** What a runner tells while it opens and later. */
export interface RunnerEvents {
  readonly onProgress: (event: ProgressEvent) => void;
  readonly onDeviceChange: (event: DeviceEvent) => void;
}

/** Does the work of a `FaceAnalyzer`: on this thread, or in a worker. */
export interface Runner {
  readonly thread: Choice<'worker' | 'main'>;
  /** Another one after the device was lost and another engine took over. */
  readonly engine: Choice<EngineKind>;
  readonly locator: Choice<string> | undefined;
  readonly manifest: Manifest;
  /** Names of the outputs that are computed. */
  readonly outputs: readonly string[];
  /** Resolves once nothing more can be computed, with the reason; not by `dispose`. */
  readonly failed: Promise<SwinFaceError>;
  analyze(source: ImageSource, points: readonly FivePoints[] | undefined, signal: AbortSignal): Promise<PictureResult>;
  analyzeAligned(crop: ImageSource, signal: AbortSignal): Promise<CropResult>;
  /** Undefined where there is no face. */
  explain(
    source: ImageSource,
    tasks: readonly string[],
    points: FivePoints | undefined,
    signal: AbortSignal,
  ): Promise<FaceExplanation | undefined>;
  watch(options: WatchOptions): FrameWatcher;
  /** Frees everything: at once where nothing runs, else as soon as the running step ends. Call it once. */
  dispose(): void;
}
