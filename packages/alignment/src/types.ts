import type { Box, FivePoints } from '@swinface/geometry';
import type { ImageSource } from './image.js';

/** Which set of landmarks a face carries, and so what each index means. */
export type LandmarkModel = 'mediapipe-478' | 'mediapipe-468' | 'face-api-68';

/** One face found in an image. Plain data: survives structuredClone. */
export interface LocatedFace {
  /** Tight around the landmarks of the face, forehead to chin, in source pixels. */
  readonly box: Box;
  /** The detector's confidence in [0, 1]. */
  readonly score: number;
  readonly points: FivePoints;
  /**
   * [n, 3] row by row: x, y in source pixels, z in the same unit with the head's centre as origin and smaller nearer to
   * the camera (0 throughout where the model gives no depth). n is 478, 468 (the same without the irises) or 68.
   */
  readonly landmarks: Float32Array;
  readonly landmarkModel: LandmarkModel;
  /** MediaPipe's 52 expression coefficients by name, each in [0, 1]; only where they were asked for. */
  readonly blendshapes?: Readonly<Record<string, number>>;
  /**
   * MediaPipe's canonical face to camera space, 4x4 column by column; only where it was asked for. Its camera looks at
   * the face, not at the image's centre.
   */
  readonly transform?: Float32Array;
}

/** What a single call of {@link FaceLocator.locate} may be told. */
export interface LocateOptions {
  /** Checked between the steps (decode, each tile, each face); the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * Faces of the previous frame of the same video: they are looked for near where they were and the whole image is not
   * searched. Pass nothing now and then, or newcomers are never found.
   */
  readonly previous?: readonly (Pick<LocatedFace, 'box' | 'score'> & Partial<Pick<LocatedFace, 'points'>>)[];
  /**
   * Side of the smallest face to look for: source pixels, or below 1 a share of the image's shorter side. Halving it
   * quadruples the search; if not given, a share that the locator documents, but at least 20 pixels.
   */
  readonly smallestFace?: number;
}

/** Finds faces and their landmarks. Owns models and memory outside the JavaScript heap: dispose it. */
export interface FaceLocator extends Disposable {
  /** Which implementation this is: `mediapipe`, `face-api`, or a name of the caller's. */
  readonly name: string;
  readonly landmarkModel: LandmarkModel;
  /** For people: the models and the delegate or backend they run on. */
  readonly description: string;
  /**
   * @returns one entry per face, largest first; empty if there is none
   * @throws {InvalidInputError} if the image cannot be decoded
   * @throws {DisposedError} after `dispose`
   */
  locate(source: ImageSource, options?: LocateOptions): Promise<LocatedFace[]>;
  dispose(): void;
}
