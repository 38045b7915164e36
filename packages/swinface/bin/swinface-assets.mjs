#!/usr/bin/env node
/**
 * swinface-assets FOLDER: copies what the SDK loads beside its code, wasm and weights, from installed packages into the
 * folder that a site serves as its root. The addresses are then the SDK's defaults: /assets and /models.
 */
import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

/** [package that brings the files, folder inside it, folder to copy to, which files] */
const SOURCES = [
  ['@swinface/models', '.', 'models', /^(swinface|face-locator|blazeface|face-mesh)\b.*\.(json|safetensors|md)$/],
  ['@mediapipe/tasks-vision', 'wasm', 'assets/mediapipe', /^vision_wasm_module_internal\.(js|wasm)$/],
  ['@tensorflow/tfjs-backend-wasm', 'dist', 'assets/tfjs', /\.wasm$/],
  ['@vladmandic/face-api', 'model', 'assets/face-api', /^(tiny_face_detector|ssd_mobilenetv1|face_landmark_68)_model/],
];
const LANDMARKS = `face_landmarker.task is not on npm: fetch it once from MediaPipe's model store
  https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task
and put it into assets. Its SHA-256 is 64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff.`;
const FALLBACK = 'Without it, faces are found with the models of @vladmandic/face-api';

/** Folder of an installed package as the application or the SDK sees it; undefined where it is not installed. */
async function packageFolder(name) {
  const places = [join(process.cwd(), 'package.json'), import.meta.url].flatMap(
    (from) => createRequire(from).resolve.paths(name) ?? [],
  );
  for (const place of places) {
    const folder = join(place, name);
    if ((await stat(folder).catch(() => undefined))?.isDirectory()) return folder;
  }
  return undefined;
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

const [target, ...rest] = process.argv.slice(2);
if (target === undefined || target.startsWith('-') || rest.length > 0) {
  console.error('Usage: swinface-assets FOLDER, the one that is served as /, such as public');
  process.exit(1);
}
let total = 0;
const installed = new Set();
for (const [name, from, to, pattern] of SOURCES) {
  const folder = await packageFolder(name);
  if (!folder) {
    console.log(`${to}: ${name} is not installed, skipped`);
    continue;
  }
  installed.add(name);
  const names = (await readdir(join(folder, from))).filter((file) => pattern.test(file));
  await mkdir(join(resolve(target), to), { recursive: true });
  let bytes = 0;
  for (const file of names) {
    await copyFile(join(folder, from, file), join(resolve(target), to, file));
    bytes += (await stat(join(folder, from, file))).size;
  }
  total += bytes;
  console.log(`${to}: ${names.length} files of ${name}, ${megabytes(bytes)}`);
}
console.log(
  `${megabytes(total)} in all; a page loads what it needs of them. Weights carry their own terms: models/*.md.`,
);
const model = join(resolve(target), 'assets/face_landmarker.task');
if (!(await stat(model).catch(() => undefined))) {
  const faceApi = installed.has('@vladmandic/face-api');
  console.log(`${LANDMARKS}\n${FALLBACK}${faceApi ? '.' : ', once that package is installed.'}`);
}
