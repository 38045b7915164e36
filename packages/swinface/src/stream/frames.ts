import { type CapturedImage, isEmptied, UprightImage } from '@swinface/alignment';
import { untilAborted } from '@swinface/core/internal';
import type { FrameWatcher } from '../runner/runner.js';
import type { StreamFrame } from '../types.js';
import { Rate } from './rate.js';
import { nextFrame } from './video.js';

/**
 * The frames of a playing video with their faces: always the newest, dropping those that are shown while one is looked
 * at. Loaded when the first stream begins.
 *
 * @param watcher is closed at the end
 * @throws {CameraError} if the camera is taken away
 * @throws the signal's reason, or what the watcher throws
 */
export async function* framesOf(
  video: HTMLVideoElement,
  watcher: FrameWatcher,
  signal: AbortSignal,
): AsyncGenerator<StreamFrame, void, undefined> {
  const rate = new Rate();
  let counted: number | undefined;
  try {
    for (;;) {
      const frame = await nextFrame(video, signal);
      if (!frame) return;
      const { mediaTime, shownAt, count } = frame;
      const picture = await capturedFrame(video, signal);
      if (!picture) return;
      const look = watcher.look(picture, performance.now() / 1000, signal).finally(() => picture.dispose());
      const seen = await untilAborted(look, signal);
      const now = performance.now();
      rate.tick(now);
      const dropped = count === undefined ? undefined : counted === undefined ? 0 : count - counted - 1;
      counted = count;
      yield {
        ...seen,
        mediaTime,
        latency: now - shownAt,
        rate: rate.read(now),
        ...(dropped === undefined ? {} : { dropped }),
      };
    }
  } finally {
    watcher.close();
  }
}

/** What a video shows now, waiting while it is sought; undefined once the page has taken its source away. */
async function capturedFrame(video: HTMLVideoElement, signal: AbortSignal): Promise<CapturedImage | undefined> {
  const picture = UprightImage.capture(video);
  try {
    await untilAborted(picture.ready, signal);
    return picture;
  } catch (error) {
    picture.dispose();
    if (!signal.aborted && isEmptied(video)) return undefined;
    throw error;
  }
}
