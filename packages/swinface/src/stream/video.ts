import { isEmptied, videoFailure } from '@swinface/alignment';
import { CameraError } from '@swinface/core';

/** A frame that a video shows now. */
export interface ShownFrame {
  /** Media time in seconds. */
  readonly mediaTime: number;
  /** When the browser showed it, on the clock of `performance.now()`. */
  readonly shownAt: number;
  /** How many frames the video has shown so far; undefined where the browser does not count. */
  readonly count: number | undefined;
}

/**
 * Waits for the next frame that a video shows, which takes as long as the page is hidden.
 *
 * @returns undefined once the video has ended, or the page itself has stopped its camera or taken the video's source away
 * @throws {CameraError} if the camera is taken away
 * @throws {InvalidInputError} if the video cannot be loaded or decoded
 * @throws the signal's reason
 */
export function nextFrame(video: HTMLVideoElement, signal: AbortSignal): Promise<ShownFrame | undefined> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (video.ended) return resolve(undefined);
    // Of a camera; `stop()` does not fire "ended" on its tracks: only the outside world does.
    const tracks = video.srcObject && 'getVideoTracks' in video.srcObject ? video.srcObject.getVideoTracks() : [];
    if (tracks.length > 0 && tracks.every(({ readyState }) => readyState === 'ended')) return resolve(undefined);
    let cancel = () => {};
    const settle = (how: () => void) => {
      cancel();
      video.removeEventListener('ended', ended);
      video.removeEventListener('emptied', emptied);
      video.removeEventListener('error', failed, { capture: true });
      for (const track of tracks) track.removeEventListener('ended', taken);
      globalThis.document?.removeEventListener('visibilitychange', listen);
      signal.removeEventListener('abort', aborted);
      how();
    };
    const ended = () => settle(() => resolve(undefined));
    // Fired too when another source takes the place of one: then there is something to wait for.
    const emptied = () => isEmptied(video) && ended();
    // In a task of its own: an event of the last of several <source> elements comes before the video has failed.
    const failed = () =>
      setTimeout(() => {
        const failure = videoFailure(video);
        if (failure) settle(() => reject(failure));
      });
    const taken = () =>
      settle(() =>
        reject(
          new CameraError('The camera stopped giving frames.', {
            hint: 'It was unplugged, taken by another program, or its permission was revoked.',
          }),
        ),
      );
    const aborted = () => settle(() => reject(signal.reason));
    const listen = () => {
      cancel();
      // Some browsers give frames to hidden pages too, now and then: analysing those would cost power for results that are not seen.
      cancel = globalThis.document?.hidden ? () => {} : onFrame(video, (frame) => settle(() => resolve(frame)));
    };
    video.addEventListener('ended', ended);
    video.addEventListener('emptied', emptied);
    video.addEventListener('error', failed, { capture: true });
    for (const track of tracks) track.addEventListener('ended', taken);
    globalThis.document?.addEventListener('visibilitychange', listen);
    signal.addEventListener('abort', aborted);
    if (videoFailure(video)) failed();
    listen();
  });
}

/** Calls back on the next frame; gives what cancels that. */
function onFrame(video: HTMLVideoElement, callback: (frame: ShownFrame) => void): () => void {
  if (typeof video.requestVideoFrameCallback === 'function') {
    const handle = video.requestVideoFrameCallback((_, { mediaTime, presentationTime, presentedFrames }) =>
      callback({ mediaTime, shownAt: presentationTime ?? performance.now(), count: presentedFrames }),
    );
    return () => video.cancelVideoFrameCallback(handle);
  }
  // Without that, the screen's rhythm, skipping refreshes on which the video stood still.
  const shown = video.currentTime;
  const tick = () => {
    const { readyState, currentTime } = video;
    if (readyState >= 2 && currentTime !== shown) {
      callback({ mediaTime: currentTime, shownAt: performance.now(), count: undefined });
    } else handle = requestAnimationFrame(tick);
  };
  let handle = requestAnimationFrame(tick);
  return () => cancelAnimationFrame(handle);
}
