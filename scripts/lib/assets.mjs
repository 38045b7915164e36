import { copyFile, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { inRepo, say } from './repo.mjs';

/** Folders of installed packages that the pages serve from their own origin: [from, to, which files]. */
const FOLDERS = [
  ['node_modules/@mediapipe/tasks-vision/wasm', 'mediapipe', /^vision_wasm_module_internal\.(js|wasm)$/],
  [
    'node_modules/@vladmandic/face-api/model',
    'face-api',
    /^(tiny_face_detector|ssd_mobilenetv1|face_landmark_68)_model/,
  ],
  ['node_modules/@tensorflow/tfjs-backend-wasm/dist', 'tfjs', /\.wasm$/],
  ['node_modules/@vladmandic/face-api/demo', 'samples', /^sample\d\.jpg$/],
  ['models', 'models', /^(swinface|face-locator|blazeface|face-mesh)\b.*\.(json|safetensors|md)$/],
];

/** Copies where size or time differ; times are kept so that a second run has nothing to do. */
async function copyIfChanged(from, to) {
  const source = await stat(from);
  const target = await stat(to).catch(() => undefined);
  if (target && target.size === source.size && Math.abs(target.mtimeMs - source.mtimeMs) < 2) return false;
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
  await utimes(to, source.atime, source.mtime);
  return true;
}

/**
 * Fills the git-ignored folder that the pages serve: wasm, locator models, sample photos, weights.
 *
 * @param {string} assets folder to fill
 * @param {string | undefined} landmarkModel path of MediaPipe's landmark model, if there is one
 */
export async function copyAssets(assets, landmarkModel) {
  const wanted = new Map();
  for (const [from, to, pattern] of FOLDERS) {
    const names = (await readdir(inRepo(from)).catch(() => [])).filter((name) => pattern.test(name));
    for (const name of names) wanted.set(join(assets, to, name), inRepo(from, name));
  }
  if (landmarkModel) wanted.set(join(assets, basename(landmarkModel)), landmarkModel);
  let copied = 0;
  for (const [to, from] of wanted) if (await copyIfChanged(from, to)) copied += 1;
  const stale = await leftovers(assets, wanted);
  for (const path of stale) await rm(path);
  say.done(
    copied + stale.length === 0
      ? 'page assets are up to date'
      : `page assets: ${copied} copied, ${stale.length} removed`,
  );
}

/** Files of an earlier set-up that are no longer wanted; generated weights are the build's business. */
async function leftovers(assets, wanted) {
  const entries = await readdir(assets, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !wanted.has(path) && !path.startsWith(join(assets, 'untrained')));
}
