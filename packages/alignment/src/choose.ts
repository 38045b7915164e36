import { InvalidInputError, SwinFaceError, UnsupportedDeviceError } from '@swinface/core';
import type { FaceApiOptions } from './face-api/locator.js';
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
 * Loads MediaPipe's locator, or the second one, whose code is loaded only then, where that cannot be had.
 *
 * @throws {InvalidInputError} if no locator was named
 * @throws {UnsupportedDeviceError} if neither could be loaded; the message says why each, the cause is both errors
 * @throws whatever kept the only one named from loading
 */
export async function chooseLocator({ mediapipe, faceApi, signal }: LocatorOptions): Promise<LocatorChoice> {
  const abort = signal ? { signal } : {};
  const openFaceApi = async (options: Omit<FaceApiOptions, 'signal'>) => {
    const { FaceApiLocator } = await import('./face-api/index.js');
    return FaceApiLocator.create({ ...options, ...abort });
  };
  if (!mediapipe && !faceApi) {
    throw new InvalidInputError('There is no locator to choose from.', { expected: 'mediapipe, faceApi or both' });
  }
  let failure: unknown;
  if (mediapipe) {
    try {
      return { locator: await MediaPipeLocator.create({ ...mediapipe, ...abort }), reason: 'MediaPipe loaded.' };
    } catch (error) {
      signal?.throwIfAborted();
      if (!faceApi) throw error;
      failure = error;
    }
  }
  if (!faceApi) throw failure;
  if (failure === undefined) {
    return { locator: await openFaceApi(faceApi), reason: 'Only face-api was asked for.' };
  }
  try {
    const locator = await openFaceApi(faceApi);
    return { locator, reason: `MediaPipe could not be loaded: ${messageOf(failure)}`, failure };
  } catch (error) {
    signal?.throwIfAborted();
    throw new UnsupportedDeviceError('No face locator could be loaded.', {
      actual: `MediaPipe: ${messageOf(failure)} face-api: ${messageOf(error)}`,
      cause: new AggregateError([failure, error]),
    });
  }
}

function messageOf(error: unknown): string {
  if (error instanceof SwinFaceError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
