import { InvalidInputError, SwinFaceError, UnsupportedDeviceError } from '@swinface/core';
import { requireInput } from '@swinface/geometry';
import type { BlazeFaceOptions } from './blazeface/networks.js';
import type { FaceApiOptions } from './face-api/locator.js';
import type { MediaPipeOptions } from './mediapipe/locator.js';
import type { FaceLocator } from './types.js';

/** The locators to choose from, best first; one that is left out is not tried. */
export interface LocatorOptions {
  readonly blazeface?: Omit<BlazeFaceOptions, 'signal'>;
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

/** A locator that can be loaded. */
interface Candidate {
  readonly name: string;
  open(): Promise<FaceLocator>;
}

/**
 * Loads the first locator that can be had. The code of each is loaded only when it is tried.
 *
 * @throws {InvalidInputError} if no locator was named
 * @throws {UnsupportedDeviceError} if none of several could be loaded; the message says why of each, the cause is all errors
 * @throws whatever kept the only one named from loading
 */
export async function chooseLocator(options: LocatorOptions): Promise<LocatorChoice> {
  const areOptions = typeof options === 'object' && options !== null;
  requireInput(areOptions, 'The argument "options" of chooseLocator', 'an object with locators', options);
  const candidates = candidatesOf(options);
  if (candidates.length === 0) {
    throw new InvalidInputError('There is no locator to choose from.', {
      expected: 'blazeface, mediapipe or faceApi',
    });
  }
  const failures: { readonly name: string; readonly error: unknown }[] = [];
  for (const { name, open } of candidates) {
    try {
      const locator = await open();
      const [first] = failures;
      if (!first) return { locator, reason: `${name} loaded.` };
      return { locator, reason: `${first.name} could not be loaded: ${messageOf(first.error)}`, failure: first.error };
    } catch (error) {
      options.signal?.throwIfAborted();
      failures.push({ name, error });
    }
  }
  const [only] = failures;
  if (only && failures.length === 1) throw only.error;
  throw new UnsupportedDeviceError('No face locator could be loaded.', {
    actual: failures.map(({ name, error }) => `${name}: ${messageOf(error)}`).join(' '),
    cause: new AggregateError(failures.map(({ error }) => error)),
  });
}

function candidatesOf({ blazeface, mediapipe, faceApi, signal }: LocatorOptions): Candidate[] {
  const abort = signal ? { signal } : {};
  const candidates: Candidate[] = [];
  if (blazeface) {
    candidates.push({
      name: 'BlazeFace',
      open: async () => {
        const { BlazeFaceLocator } = await import('./blazeface/index.js');
        return BlazeFaceLocator.create({ ...blazeface, ...abort });
      },
    });
  }
  if (mediapipe) {
    candidates.push({
      name: 'MediaPipe',
      open: async () => {
        const { MediaPipeLocator } = await import('./mediapipe/index.js');
        return MediaPipeLocator.create({ ...mediapipe, ...abort });
      },
    });
  }
  if (faceApi) {
    candidates.push({
      name: 'face-api',
      open: async () => {
        const { FaceApiLocator } = await import('./face-api/index.js');
        return FaceApiLocator.create({ ...faceApi, ...abort });
      },
    });
  }
  return candidates;
}

function messageOf(error: unknown): string {
  if (error instanceof SwinFaceError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
