import type { ImageSource } from '../image.js';
import type { FaceLocator, LocatedFace, LocateOptions } from '../types.js';

/** Where MediaPipe's parts are, and what to compute beyond the landmarks. */
export interface MediaPipeOptions {
  /** Folder of this origin that holds the files of `@mediapipe/tasks-vision/wasm`. */
  readonly wasmPath: string;
  /** `face_landmarker.task`: its address on this origin, or its bytes. Always checked by SHA-256. */
  readonly model: string | URL | Uint8Array;
  /** CPU unless 'GPU' is asked for; the CPU delegate needs no WebGL and gives the same points everywhere. */
  readonly delegate?: 'CPU' | 'GPU';
  /** Also give the 52 expression coefficients of each face. */
  readonly blendshapes?: boolean;
  /** Also give each face's 4x4 transform. */
  readonly transforms?: boolean;
  readonly signal?: AbortSignal;
}

export class MediaPipeLocator implements FaceLocator {
  readonly name = 'mediapipe';
  readonly landmarkModel = 'mediapipe-478';
  declare readonly description: string;
  static create(_options: MediaPipeOptions): Promise<MediaPipeLocator> {
    throw new Error('in flight');
  }
  locate(_source: ImageSource, _options?: LocateOptions): Promise<LocatedFace[]> {
    throw new Error('in flight');
  }
  dispose(): void {}
  [Symbol.dispose](): void {}
}
