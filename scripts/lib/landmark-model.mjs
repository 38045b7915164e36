import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { inRepo, say } from './repo.mjs';

/** MediaPipe's face landmarker, float16, version 1 (Apache-2.0). Older files load silently and give garbage. */
const MODEL = {
  file: 'face_landmarker.task',
  sha256: '64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff',
  bytes: 3_758_596,
  url: 'https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task',
};
const DOWNLOAD_TIMEOUT_MS = 90_000;

const isGenuine = (bytes) =>
  bytes.length === MODEL.bytes && createHash('sha256').update(bytes).digest('hex') === MODEL.sha256;

/** The bytes of a genuine copy, else undefined; a copy that fails the check is reported. */
async function genuineCopy(path, label) {
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return undefined;
  if (isGenuine(bytes)) return bytes;
  say.note(`${label} is not the expected landmark model (SHA-256 differs); ignored`);
  return undefined;
}

async function download() {
  try {
    const response = await fetch(MODEL.url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    if (isGenuine(bytes)) return bytes;
    say.note('the downloaded landmark model is not the expected one (SHA-256 differs); ignored');
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    say.note(`the landmark model could not be downloaded (${cause instanceof Error ? cause.message : cause})`);
  }
  return undefined;
}

/**
 * Looks in the cache, beside the repository, then in MediaPipe's public model store. Always checked by SHA-256.
 *
 * @returns {Promise<string | undefined>} path of the model in the cache; undefined if there is none to be had
 */
export async function findLandmarkModel() {
  const cached = inRepo('.cache/models', MODEL.file);
  if (await genuineCopy(cached, `.cache/models/${MODEL.file}`)) {
    say.done('landmark model is in the cache');
    return cached;
  }
  let bytes = await genuineCopy(inRepo('../shared/models', MODEL.file), `../shared/models/${MODEL.file}`);
  let origin = '../shared/models';
  if (!bytes) {
    bytes = await download();
    origin = "MediaPipe's model store";
  }
  if (!bytes) {
    say.note('no MediaPipe landmark model: the pages offer no locator "mediapipe"');
    return undefined;
  }
  await mkdir(inRepo('.cache/models'), { recursive: true });
  // Renamed into place, so that an interrupted write never looks like a model.
  await writeFile(`${cached}.part`, bytes);
  await rename(`${cached}.part`, cached);
  say.done(`landmark model taken from ${origin}`);
  return cached;
}
