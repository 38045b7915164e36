/**
 * Waits for the next frame that a video shows.
 *
 * @returns its media time in seconds, or undefined once the video has ended
 * @throws the signal's reason
 */
export function nextFrame(video: HTMLVideoElement, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (video.ended) return resolve(undefined);
    const cancel = onFrame(video, (mediaTime) => settle(() => resolve(mediaTime)));
    const ended = () => settle(() => resolve(undefined));
    const aborted = () => settle(() => reject(signal.reason));
    const settle = (how: () => void) => {
      cancel();
      video.removeEventListener('ended', ended);
      signal.removeEventListener('abort', aborted);
      how();
    };
    video.addEventListener('ended', ended);
    signal.addEventListener('abort', aborted);
  });
}

/** Calls back on the next frame; gives what cancels that. */
function onFrame(video: HTMLVideoElement, callback: (mediaTime: number) => void): () => void {
  if (typeof video.requestVideoFrameCallback === 'function') {
    const handle = video.requestVideoFrameCallback((_, { mediaTime }) => callback(mediaTime));
    return () => video.cancelVideoFrameCallback(handle);
  }
  // Without that, the screen's rhythm, skipping refreshes on which the video stood still.
  const shown = video.currentTime;
  const tick = () => {
    if (video.readyState >= 2 && video.currentTime !== shown) callback(video.currentTime);
    else handle = requestAnimationFrame(tick);
  };
  let handle = requestAnimationFrame(tick);
  return () => cancelAnimationFrame(handle);
}
