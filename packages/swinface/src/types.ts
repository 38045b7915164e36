import type { Box, FaceLocator, FivePoints, LocatedFace } from '@swinface/alignment';
import type { LoadedModel } from '@swinface/core';
import type { FaceAnalysis, HeadPose } from '@swinface/postprocessing';

/**
 * One face of a picture: where it is and what the network says. Plain data that survives `structuredClone`.
 * `score`, `landmarks` and `landmarkModel` are absent where the caller gave the points.
 */
export interface Face extends FaceAnalysis, Partial<LocatedFace> {
  /** In pixels of the upright source. Where the caller gave the points, the bounds of the tight aligned crop. */
  readonly box: Box;
  readonly points: FivePoints;
  /** Head pose in degrees. */
  readonly pose: HeadPose;
  /** Id of the model that computed this. */
  readonly model: string;
}

/** Analysis of a crop that the caller had already aligned. */
export interface AlignedFace extends FaceAnalysis {
  /** Id of the model that computed this. */
  readonly model: string;
}

/** A face of a video with an id that stays with it from frame to frame. */
export interface TrackedFace extends Face {
  readonly id: number;
}

/** One analysed video frame. */
export interface StreamFrame {
  readonly faces: readonly TrackedFace[];
  readonly timings: Timings;
  /** Media time of the frame in seconds, where the browser tells. */
  readonly mediaTime?: number;
}

/** Milliseconds of wall time per stage of one `analyze`. */
export interface Timings {
  /** Source to upright image. */
  readonly decode: number;
  /** Finding faces and their points. */
  readonly locate: number;
  /** Aligning crops; on WebGPU only the recording and upload, the GPU's share is in `network`. */
  readonly warp: number;
  /** The network, up to its outputs in host memory. */
  readonly network: number;
  /** Outputs to results. */
  readonly results: number;
  readonly total: number;
}

/** Where {@link FaceAnalyzer.create} is. */
export interface ProgressEvent {
  readonly stage: 'model' | 'engine' | 'locator' | 'ready';
  /** Bytes for `model`; 0 or 1 for the other stages. */
  readonly loaded: number;
  readonly total: number;
}

/** Addresses of files that the page serves itself; relative ones are resolved against the page. */
export interface AssetUrls {
  /** Folder with MediaPipe's wasm files (`wasm/` of the npm package `@mediapipe/tasks-vision`). Default `/assets/mediapipe`. */
  readonly mediapipeWasm: string;
  /** MediaPipe's `face_landmarker.task`, float16 version 1. Default `/assets/face_landmarker.task`. */
  readonly landmarkModel: string;
  /** Folder with the models of the npm package `@vladmandic/face-api`. Default `/assets/face-api`. */
  readonly faceApiModels: string;
  /** Folder with the wasm files of `@tensorflow/tfjs-backend-wasm`. Default `/assets/tfjs`; outside pages, the package's own. */
  readonly tfjsWasm: string;
}

/** `auto`: WebGPU, else TensorFlow.js on wasm, else on plain JavaScript; a name: that one or an error. */
export type EngineChoice = 'auto' | 'webgpu' | 'wasm' | 'cpu';

/**
 * `auto`: MediaPipe, else face-api; a name: that one or an error; `none`: nothing is loaded, and the caller gives points
 * or aligned crops; or an implementation of the caller's, which the caller disposes.
 */
export type LocatorOption = 'auto' | 'mediapipe' | 'face-api' | 'none' | FaceLocator;

/** What {@link FaceAnalyzer.create} takes. */
export interface FaceAnalyzerOptions {
  /** Address of a model's manifest (its weights lie beside it), or a model already in memory. */
  readonly model: string | URL | LoadedModel;
  /** Names of the outputs to compute ("Recognition", "Age", "Eyeglasses" ...); all that the model offers by default. */
  readonly outputs?: readonly string[];
  /** Most faces per run of the network; a picture with more takes several runs. Default 16. */
  readonly maxFaces?: number;
  readonly engine?: EngineChoice;
  /** A WebGPU device to share; the analyzer then never destroys it. */
  readonly device?: GPUDevice;
  readonly locator?: LocatorOption;
  readonly assets?: Partial<AssetUrls>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
}

/** Which engine or locator is at work, for people. */
export interface Choice<Kind extends string> {
  readonly kind: Kind;
  /** e.g. "WebGPU (apple metal-3)". */
  readonly description: string;
  /** Why it is not the first choice; absent where it is. */
  readonly reason?: string;
}

/** What {@link FaceAnalyzer.analyze} may be told. */
export interface AnalyzeOptions {
  readonly signal?: AbortSignal;
  /** Five points of each face in pixels of the upright source, to use instead of looking for faces. */
  readonly points?: readonly FivePoints[];
  /** Called once, before the result is there. */
  readonly onTimings?: (timings: Timings) => void;
}
