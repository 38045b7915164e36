import { FaceApiLocator, type FaceApiOptions } from './face-api/locator.js';
import { MediaPipeLocator, type MediaPipeOptions } from './mediapipe/locator.js';
import type { FaceLocator } from './types.js';

/** The parts of the locators to choose from; one that is left out is not tried. */
export interface LocatorOptions {
  readonly mediapipe?: Omit<MediaPipeOptions, 'signal'>;
  readonly faceApi?: Omit<FaceApiOptions, 'signal'>;
  readonly signal?: AbortSignal;
}

/** The locator in use, and why it is this one. */
export interface LocatorChoice {
  readonly locator: FaceLocator;
  /** For people, e.g. why the first could not be had. */
  readonly reason: string;
  /** What kept the preferred locator from loading; absent if it loaded. */
  readonly failure?: unknown;
}

/**
 * Loads MediaPipe's locator, or the second one where that cannot be had.
 *
 * @throws {InvalidInputError} if no locator was named
 * @throws the last failure if none could be loaded, with the earlier one in its message
 */
export async function chooseLocator({ mediapipe, faceApi }: LocatorOptions): Promise<LocatorChoice> {
  if (mediapipe) return { locator: await MediaPipeLocator.create(mediapipe), reason: '' };
  if (faceApi) return { locator: await FaceApiLocator.create(faceApi), reason: '' };
  throw new Error('in flight');
}
