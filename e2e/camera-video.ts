import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { samplePhoto } from './samples.js';

/** Where the fake camera's video is made. */
export const CAMERA_VIDEO = fileURLToPath(new URL('../.cache/e2e/camera.mjpeg', import.meta.url));

const SIZE = { width: 640, height: 480 };
/** The right woman of sample 3, placed so that her face is in the left third of the frame. */
const CROP = { left: 1470, top: 230, width: 450, height: 338 };
const FRAMES = 10;

/** One JPEG of what the camera sees. @param drift pixels of the photo by which the face lies higher */
export const cameraFrame = (drift = 0): Promise<Buffer> =>
  sharp(samplePhoto(3))
    .extract({ ...CROP, top: CROP.top + drift })
    .resize(SIZE)
    .jpeg({ quality: 92 })
    .toBuffer();

/** Writes a short loop of a real face that drifts a little, one JPEG after another. */
export async function makeCameraVideo(): Promise<void> {
  const frames = await Promise.all(
    Array.from({ length: FRAMES }, (_, i) => cameraFrame(Math.round(6 * Math.sin((2 * Math.PI * i) / FRAMES)))),
  );
  await mkdir(dirname(CAMERA_VIDEO), { recursive: true });
  await writeFile(CAMERA_VIDEO, Buffer.concat(frames));
}
