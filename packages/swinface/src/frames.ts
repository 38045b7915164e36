import { untilAborted } from './abort.js';
import { Rate } from './rate.js';
import type { FrameWatcher } from './runner.js';
import type { StreamFrame } from './types.js';
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
      const seen = await untilAborted(watcher.look(video, performance.now() / 1000, signal), signal);
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
