import type { Box, FaceLocator, FivePoints, LocatedFace, Similarity } from '@swinface/alignment';
import type { Explanation, LoadedModel } from '@swinface/core';
import type { BestShot, FaceAnalysis, FaceQuality, HeadPose } from '@swinface/postprocessing';

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
  /** How well the face can be recognised from this picture, and what to do about it. */
  readonly quality: FaceQuality;
  /** Id of the model that computed this. */
  readonly model: string;
}

/** Analysis of a crop that the caller had already aligned. */
export interface AlignedFace extends FaceAnalysis {
  /** Id of the model that computed this. */
  readonly model: string;
}

/**
 * A face of a video. `box`, `points`, `landmarks` and `pose` are of this frame, smoothed; what the network says is
 * averaged over the frames it looked at, and labels change only on clear evidence.
 */
export interface TrackedFace extends Face {
  /** Stays with the face from frame to frame, also through occlusion and crossing; counts from 1. */
  readonly id: number;
  /** As of any face, by the frame that the network last looked at. */
  readonly quality: FaceQuality;
  /** Milliseconds since the frame that the network last looked at; 0 where it was this one. */
  readonly analysisAge: number;
  /** The embedding of the frame that deserves most trust; absent if Recognition is not computed. */
  readonly bestShot?: BestShot;
}

/** Options of {@link FaceAnalyzer.stream}. */
export interface StreamOptions {
  readonly signal?: AbortSignal;
  /**
   * Milliseconds between two runs of the network on a face that has not changed; new and changed faces do not wait. 0
   * for as often as the machine manages. Default 500.
   */
  readonly analyzeEvery?: number;
}

/** One frame of a video. */
export interface StreamFrame {
  readonly faces: readonly TrackedFace[];
  /** Of this frame; `network` is 0 where the network was not waited for. */
  readonly timings: Timings;
  /** Media time of the frame in seconds, where the browser gives it. */
  readonly mediaTime?: number;
  /** Milliseconds from the moment the browser showed the frame to now. */
  readonly latency: number;
  /** Frames per second that the stream gives, over the last two seconds. */
  readonly rate: number;
  /** Runs of the network per second, over the last two seconds. */
  readonly analysisRate: number;
  /** Frames that the video showed since the last one here and that were not looked at; absent where the browser does not count. */
  readonly dropped?: number;
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
  /**
   * `face-locator.json` of the package `@swinface/models`, with its three files beside it. Default: beside the model's
   * manifest; `/models/face-locator.json` where the model was loaded already.
   */
  readonly faceLocator: string;
  /** Folder with MediaPipe's wasm files (`wasm/` of the npm package `@mediapipe/tasks-vision`). Default `/assets/mediapipe`. */
  readonly mediapipeWasm: string;
  /** MediaPipe's `face_landmarker.task`, float16 version 1. Default `/assets/face_landmarker.task`. */
  readonly landmarkModel: string;
  /** Folder with the models of the npm package `@vladmandic/face-api`. Default `/assets/face-api`. */
  readonly faceApiModels: string;
  /** Folder with the wasm files of `@tensorflow/tfjs-backend-wasm`. Default `/assets/tfjs`; outside pages, the package's own. */
  readonly tfjsWasm: string;
  /** The SDK's worker, an ES module. By default the file beside the SDK, which bundlers find by themselves. */
  readonly worker: string;
}

/**
 * `auto`: WebGPU on a real GPU, else WebAssembly, else TensorFlow.js on plain JavaScript; where the only adapter is software
 * on the CPU, WebAssembly comes first, being much faster there. A name: that one or an error.
 */
export type EngineOption = 'auto' | 'webgpu' | 'wasm' | 'tfjs';

/** An engine that is at work. */
export type EngineKind = Exclude<EngineOption, 'auto'>;

/**
 * `auto`: BlazeFace on this SDK's own engine; where its weights cannot be had MediaPipe, then face-api. A name: that one or
 * an error; `none`: nothing is loaded, and the caller gives points or aligned crops; or an implementation of the caller's, which the caller disposes.
 */
export type LocatorOption = 'auto' | 'blazeface' | 'mediapipe' | 'face-api' | 'none' | FaceLocator;

/**
 * Where all the work is done. `auto`: in a worker, so that the page never waits; on the page's own thread where no worker
 * starts, or where the option `device` or an own locator ties the work to it. `worker`: there or an error. `main`: on the
 * thread of the caller.
 */
export type ThreadOption = 'auto' | 'worker' | 'main';

/**
 * `auto`: after loading, while nothing else runs, WebGPU kernels are timed for a fraction of a second and the fastest are
 * kept, in IndexedDB for the next visit too; results do not depend on it. `off`: what is known beforehand is used, nothing is
 * timed and nothing stored.
 */
export type TuningOption = 'auto' | 'off';

/** What happened to the GPU device under an analyzer. */
export type DeviceEvent =
  | {
      readonly state: 'lost';
      /** In the browser's words. */
      readonly reason: string;
    }
  | {
      readonly state: 'restored';
      /** The engine from now on. */
      readonly engine: Chosen<EngineKind>;
    };

/** What {@link FaceAnalyzer.create} takes. */
export interface FaceAnalyzerOptions {
  /** Address of a model's manifest (its weights lie beside it), or a model already in memory. */
  readonly model: string | URL | LoadedModel;
  /** Names of the outputs to compute ("Recognition", "Age", "Eyeglasses" ...); all that the model offers by default. */
  readonly outputs?: readonly string[];
  /** Most faces per run of the network; a picture with more takes several runs. Default 16. */
  readonly maxFaces?: number;
  /**
   * Side of the smallest face to look for: pixels of the picture, or below 1 a share of its shorter side. The search is what
   * a photo costs without a GPU: twice the side, a quarter of it. Default 1/40 of the shorter side, but at least 20 pixels.
   */
  readonly smallestFace?: number;
  /**
   * Least score, from 0 to 1, of a face that counts; the locator has refused most of what is no face before. Faces of
   * portraits and groups score 0.72 and more, drawn animals and toys that pass for faces 0.5 to 0.85: a bar between refuses
   * some of both. Default 0: the locator decides.
   */
  readonly minimumScore?: number;
  readonly engine?: EngineOption;
  /** A WebGPU device to share; the analyzer then never destroys it. */
  readonly device?: GPUDevice;
  readonly locator?: LocatorOption;
  readonly thread?: ThreadOption;
  /** Of the WebGPU engine; the others have nothing to tune. Default `auto`. */
  readonly tuning?: TuningOption;
  /**
   * Whether the model's files are kept in the browser's Cache Storage, so that the next visit loads none of them and
   * works offline. What is kept says nothing about the visitor; `caches.delete('swinface-models')` removes it.
   * Default true.
   */
  readonly cache?: boolean;
  readonly assets?: Partial<AssetUrls>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
  /**
   * Called when the GPU device is lost, and when the network runs again; calls that were pending meanwhile are answered
   * late, not wrongly.
   */
  readonly onDeviceChange?: (event: DeviceEvent) => void;
}

/** Options of {@link FaceAnalyzer.explain}. */
export interface ExplainOptions {
  /** Names of the tasks; Age, Gender and Expression by default, those of them that are computed. */
  readonly tasks?: readonly string[];
  /** Five points of the face in pixels of the upright source; the largest face by default. */
  readonly points?: FivePoints;
  readonly signal?: AbortSignal;
}

/** Why the network answers one task as it does. */
export interface TaskExplanation extends Explanation {
  /** Takes pixels of the upright source to those of the 112 x 112 crop that `map` covers. */
  readonly sourceToCrop: Similarity;
}

/** Why the network answers as it does, for one face. */
export interface FaceExplanation {
  readonly points: FivePoints;
  readonly explanations: readonly TaskExplanation[];
}

/** An engine, locator or thread that was chosen, in words that can be shown. */
export interface Chosen<Kind extends string> {
  readonly kind: Kind;
  /** e.g. "WebGPU (apple metal-3)". */
  readonly description: string;
  /** Why it is not the first choice; absent where it is. */
  readonly reason?: string;
}

/** Options of {@link FaceAnalyzer.analyze}. */
export interface AnalyzeOptions {
  readonly signal?: AbortSignal;
  /** Five points of each face in pixels of the upright source, to use instead of looking for faces. */
  readonly points?: readonly FivePoints[];
  /** Called once, before the result is there. */
  readonly onTimings?: (timings: Timings) => void;
}
