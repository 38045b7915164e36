import type { Page } from '@playwright/test';
import type * as Swinface from 'swinface';
import { openHarness } from './build.js';

/** The SDK as the harness page holds it, and a camera beside it. */
export type VideoHarness = typeof Swinface & {
  /** A playing video that shows one face, like a camera. @param interval milliseconds between its frames */
  readonly openVideo: (interval?: number) => Promise<{ video: HTMLVideoElement; track: MediaStreamTrack }>;
};

/** Opens the harness with a video at hand. */
export async function openWithVideo(
  page: Page,
  more?: Readonly<Record<string, string>>,
  served?: 'isolated',
): Promise<void> {
  await openHarness(page, more, served);
  await page.evaluate(() => {
    const openVideo = async (interval = 40) => {
      const blob = await (await fetch('/assets/samples/sample3.jpg')).blob();
      const photo = await createImageBitmap(blob, 1470, 230, 450, 338);
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [320, 240];
      const context = canvas.getContext('2d');
      let n = 0;
      const draw = () => {
        context?.drawImage(photo, 0, 0, 320, 240);
        // Something has to change for a frame to be one.
        context?.fillRect(n++ % 8, 0, 1, 1);
      };
      draw();
      setInterval(draw, interval);
      const video = document.createElement('video');
      video.muted = true;
      const stream = canvas.captureStream(1000 / interval);
      video.srcObject = stream;
      document.body.append(video);
      await video.play();
      return { video, track: stream.getVideoTracks()[0] as MediaStreamTrack };
    };
    Object.assign(globalThis, { openVideo });
  });
}
