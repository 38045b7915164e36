import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../../', import.meta.url);
const PLACES = ['examples/public/assets/', '.cache/models/', '../shared/models/'];

/** Path of MediaPipe's landmark model on this machine. @throws {Error} saying where it was looked for */
export function landmarkModelPath(): string {
  for (const place of PLACES) {
    const path = fileURLToPath(new URL(`${place}face_landmarker.task`, root));
    if (existsSync(path)) return path;
  }
  throw new Error(
    `face_landmarker.task was found in none of ${PLACES.join(', ')}. The set-up (npm start) fetches it; ` +
      'or put version 1 of the float16 bundle into .cache/models/.',
  );
}
