#!/usr/bin/env node
/**
 * swinface-assets FOLDER: copies what the SDK loads beside its code from installed packages into a folder that a site
 * serves, under the names that are the SDK's defaults where that folder is served as /assets.
 */
import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

/** [package that brings the files, folder inside it, folder to copy to, which files] */
const SOURCES = [
  ['@mediapipe/tasks-vision', 'wasm', 'mediapipe', /^vision_wasm_module_internal\.(js|wasm)$/],
  ['@tensorflow/tfjs-backend-wasm', 'dist', 'tfjs', /\.wasm$/],
  ['@vladmandic/face-api', 'model', 'face-api', /^(tiny_face_detector|ssd_mobilenetv1|face_landmark_68)_model/],
];
const LANDMARKS = `face_landmarker.task is not on npm: fetch it once from MediaPipe's model store
  https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task
and put it there too. Its SHA-256 is 64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff.
Without it, faces are found with the models of @vladmandic/face-api, if that package is installed.`;

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

const [target, ...rest] = process.argv.slice(2);
if (target === undefined || target.startsWith('-') || rest.length > 0) {
  console.error('Usage: swinface-assets FOLDER');
  process.exit(1);
}
for (const [name, from, to, pattern] of SOURCES) {
  const folder = await packageFolder(name);
  if (!folder) {
    console.log(`${to}: ${name} is not installed, skipped`);
    continue;
  }
  const names = (await readdir(join(folder, from))).filter((file) => pattern.test(file));
  await mkdir(join(resolve(target), to), { recursive: true });
  for (const file of names) await copyFile(join(folder, from, file), join(resolve(target), to, file));
  console.log(`${to}: ${names.length} files of ${name}`);
}
const model = join(resolve(target), 'face_landmarker.task');
if (!(await stat(model).catch(() => undefined))) console.log(LANDMARKS);
