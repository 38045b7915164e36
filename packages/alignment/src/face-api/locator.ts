import type { ImageSource } from '../image.js';
import type { FaceLocator, LocatedFace, LocateOptions } from '../types.js';

/** Where the second locator's parts are. */
export interface FaceApiOptions {
  /** Folder of this origin that holds the files of `@vladmandic/face-api/model`. */
  readonly modelPath: string;
  readonly signal?: AbortSignal;
}

export class FaceApiLocator implements FaceLocator {
  readonly name = 'face-api';
  readonly landmarkModel = 'face-api-68';
  declare readonly description: string;
  static create(_options: FaceApiOptions): Promise<FaceApiLocator> {
    throw new Error('in flight');
  }
  locate(_source: ImageSource, _options?: LocateOptions): Promise<LocatedFace[]> {
    throw new Error('in flight');
  }
  dispose(): void {}
  [Symbol.dispose](): void {}
}
