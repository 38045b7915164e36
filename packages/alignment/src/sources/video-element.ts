import type { InvalidInputError } from '@swinface/core';
import { isBranded, requireInput } from '@swinface/geometry';
import { unusable } from './unreadable.js';

const HAVE_CURRENT_DATA = 2;
const NETWORK_EMPTY = 0;
const NETWORK_IDLE = 1;
const NETWORK_NO_SOURCE = 3;

/** Events after which a video may have a frame, or will never have one. */
const CHANGES = [
  'loadeddata',
  'canplay',
  'playing',
  'seeked',
  'timeupdate',
  'suspend',
  'stalled',
  'emptied',
  'error',
  'ended',
] as const;

/**
 * A frame that counts as there may still be on its way to where it can be read, and of a video that is not shown on the page
 * Chromium fetches none before one is asked for: when to try again.
 */
const TRY_AGAIN_MS = 50;
/** A video that loads nothing more may still be decoding what it has: how long its first frame is waited for. */
const IDLE_PATIENCE_MS = 3000;

function requireVideo(video: unknown): void {
  requireInput(isBranded(video, 'HTMLVideoElement'), 'The argument "video"', 'a video element', video);
}

/**
 * Whether a video has been given nothing to play, or it was taken away.
 *
 * @throws {InvalidInputError} if this is no video element
 */
export function isEmptied(video: HTMLVideoElement): boolean {
  requireVideo(video);
  return video.networkState === NETWORK_EMPTY && !video.srcObject;
}

/**
 * Why a video will show no more frames: it cannot be loaded or decoded. Undefined for one that may. Not to be asked in the
 * task in which a source was set: a video counts as without any until it begins to load.
 *
 * @throws {InvalidInputError} if this is no video element
 */
export function videoFailure(video: HTMLVideoElement): InvalidInputError | undefined {
  requireVideo(video);
  if (video.error) {
    const words = ['', 'its loading was ended', 'the network failed', 'it could not be decoded', 'it is no video'];
    const { code, message } = video.error;
    return unusable(video, `${words[code] ?? 'it failed'}${message ? ` (${message})` : ''}`, 'Check its address.');
  }
  if (video.networkState === NETWORK_NO_SOURCE) return unusable(video, 'none of its sources can be played');
  return undefined;
}

/**
 * Takes the frame that a video shows: at once where there is one, else as soon as it has loaded or the seeking is over.
 *
 * @param grab reads the frame, and throws an InvalidStateError where the browser has none to read yet
 * @throws {InvalidInputError} if the video has nothing to show and is not loading
 * @throws what `grab` throws otherwise
 */
export async function frameOf<R>(video: HTMLVideoElement, grab: () => R | Promise<R>, ended: AbortSignal): Promise<R> {
  let idleSince: number | undefined;
  for (;;) {
    ended.throwIfAborted();
    if (video.networkState === NETWORK_NO_SOURCE) await new Promise((resolve) => setTimeout(resolve));
    const failure = videoFailure(video);
    if (failure) throw failure;
    if (video.readyState >= HAVE_CURRENT_DATA) {
      if (video.videoWidth === 0) throw unusable(video, 'it has sound and no picture');
      try {
        return await grab();
      } catch (error) {
        if (!(error instanceof DOMException) || error.name !== 'InvalidStateError') throw error;
      }
      await nextChange(video, TRY_AGAIN_MS, ended);
      continue;
    }
    idleSince = isIdle(video) ? (idleSince ?? performance.now()) : undefined;
    const patience = idleSince === undefined ? undefined : IDLE_PATIENCE_MS - (performance.now() - idleSince);
    if (isEmptied(video) || isUntouched(video) || (patience !== undefined && patience <= 0)) {
      throw unusable(video, 'no frame has arrived yet', 'Wait for its "loadeddata" event.');
    }
    await nextChange(video, patience, ended);
  }
}

/** Loads nothing at the moment, and seeks nothing. */
const isIdle = ({ networkState, srcObject, seeking }: HTMLVideoElement): boolean =>
  networkState === NETWORK_IDLE && !srcObject && !seeking;

/** Loads nothing before `play()` is called. */
const isUntouched = (video: HTMLVideoElement): boolean =>
  isIdle(video) && video.readyState === 0 && video.preload === 'none';

/** Resolves with the next event that may make a difference, or after some milliseconds. */
function nextChange(video: HTMLVideoElement, milliseconds: number | undefined, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const timer = milliseconds === undefined ? undefined : setTimeout(() => settle(), milliseconds);
    const handle = video.requestVideoFrameCallback?.(() => settle());
    const settle = () => {
      clearTimeout(timer);
      if (handle !== undefined) video.cancelVideoFrameCallback(handle);
      over.abort();
      resolve();
    };
    const { signal } = over;
    // Errors of <source> elements reach the video only while they are captured.
    for (const type of CHANGES) video.addEventListener(type, settle, { signal, capture: true });
    ended.addEventListener('abort', settle, { signal });
  });
}
