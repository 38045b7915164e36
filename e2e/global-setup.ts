import { makeCameraVideo } from './camera-video.js';
import { buildHarness } from './harness/build.js';

/** Makes what the tests need and the repository does not hold. */
export default async function globalSetup(): Promise<void> {
  await Promise.all([makeCameraVideo(), buildHarness()]);
}
