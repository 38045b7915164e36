import type { FaceDetector, FaceLandmarker } from '@mediapipe/tasks-vision';
import { UnsupportedDeviceError } from '@swinface/core';
import { fetchAddress } from '@swinface/core/internal';
import { readZipEntry } from './zip.js';

/** The two MediaPipe graphs, started and warmed up. */
export interface MediaPipeTasks {
  readonly detector: FaceDetector;
  readonly landmarker: FaceLandmarker;
}

/** What {@link startTasks} needs to know. */
export interface TaskOptions {
  readonly wasmPath: string;
  readonly delegate: 'CPU' | 'GPU';
  readonly blendshapes: boolean;
  readonly transforms: boolean;
}

/** MediaPipe takes its emscripten loader from this global, uses it once and clears it. */
interface ModuleFactoryHolder {
  ModuleFactory?: unknown;
}

/**
 * Starts MediaPipe's face detector and face landmarker.
 *
 * The wasm loader is imported here as an ES module, which works the same on a page and in a module worker; left to
 * itself, MediaPipe adds a script tag on the page and, in a module worker, cannot start a second task.
 *
 * @param bundle the checked bytes of `face_landmarker.task`; the detector is taken out of it
 * @throws {UnsupportedDeviceError} if the wasm files cannot be had or do not start
 */
export async function startTasks(bundle: Uint8Array<ArrayBuffer>, options: TaskOptions): Promise<MediaPipeTasks> {
  const { wasmPath, delegate } = options;
  const { FaceDetector, FaceLandmarker, FilesetResolver } = await import('@mediapipe/tasks-vision');
  const detectorModel = await readZipEntry(bundle, 'face_detector.tflite');
  const example = '/assets/mediapipe';
  const folder = fetchAddress(
    wasmPath,
    "MediaPipe's wasm files",
    example,
    'Serve them from a web server.',
  ).href.replace(/\/$/, '');
  const opened: { close(): void }[] = [];
  try {
    const files = await FilesetResolver.forVisionTasks(folder, true);
    const loader: { default: unknown } = await import(/* @vite-ignore */ files.wasmLoaderPath);
    const fileset = { ...files, wasmLoaderPath: '' };
    const start = async <T extends { close(): void }>(create: () => Promise<T>): Promise<T> => {
      (globalThis as ModuleFactoryHolder).ModuleFactory = loader.default;
      const task = await create();
      opened.push(task);
      return task;
    };
    const detector = await start(() =>
      FaceDetector.createFromOptions(fileset, {
        baseOptions: { modelAssetBuffer: detectorModel, delegate },
        runningMode: 'IMAGE',
        minDetectionConfidence: 0.5,
      }),
    );
    const landmarker = await start(() =>
      FaceLandmarker.createFromOptions(fileset, {
        baseOptions: { modelAssetBuffer: bundle, delegate },
        runningMode: 'IMAGE',
        numFaces: 1,
        minFacePresenceConfidence: 0.7,
        outputFaceBlendshapes: options.blendshapes,
        outputFacialTransformationMatrixes: options.transforms,
      }),
    );
    // The first inference compiles kernels; better here than with the first photo.
    const blank = new ImageData(128, 128);
    detector.detect(blank);
    landmarker.detect(blank);
    return { detector, landmarker };
  } catch (cause) {
    for (const task of opened) task.close();
    throw new UnsupportedDeviceError(`MediaPipe did not start with the wasm files in ${folder}.`, {
      actual: cause instanceof Error ? cause.message : String(cause),
      hint: "Serve the files of @mediapipe/tasks-vision/wasm there; a Content-Security-Policy needs 'wasm-unsafe-eval'.",
      cause,
    });
  }
}
