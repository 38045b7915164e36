import type { Timings } from 'swinface';
import { Problem, type WidgetAnalyzer } from '../engine.js';
import type { PictureSize } from '../results/overlay.js';
import type { ReportedFace } from '../results/report.js';
import { cameraState } from '../states.js';
import type { Strings } from '../strings/types.js';
import { type Camera, cameraIsOffered, openCamera } from './camera.js';

/** What the sources need of the widget around them. */
export interface Stage {
  readonly words: Strings;
  /** Loads the engine if need be; the widget shows how far it is. */
  analyzer(signal: AbortSignal): Promise<WidgetAnalyzer>;
  /** Says how it stands. */
  tell(status: string): void;
  /** Faces will follow, frame by frame. */
  run(status: string): void;
  /** That was all; the results stay. */
  done(): void;
  /** Shows a camera, unless it cannot be seen; undefined if that ended the work. */
  showCamera(camera: Camera): Promise<HTMLVideoElement | undefined>;
  showPhoto(photo: HTMLCanvasElement): void;
  showFaces(faces: readonly ReportedFace[], size: PictureSize, timings: Timings | undefined): void;
  /** Ends the work from outside, as an error would. */
  fail(problem: Problem): void;
}

/** Follows the webcam until it is stopped. */
export async function webcam(stage: Stage, signal: AbortSignal): Promise<void> {
  if (!cameraIsOffered()) throw new Problem('unsupported', new Error('This page is offered no camera.'));
  stage.tell(stage.words.askingCamera);
  const lost = () => {
    const gone = new DOMException('The camera went away.', 'NotFoundError');
    if (!signal.aborted) stage.fail(new Problem(cameraState(gone), gone));
  };
  const camera = await openCamera(lost).catch((error) => {
    throw new Problem(cameraState(error), error);
  });
  if (signal.aborted) return camera.stop();
  // From here on whatever ends the work ends the camera.
  signal.addEventListener('abort', () => camera.stop(), { once: true });
  const shown = await stage.showCamera(camera);
  if (!shown || signal.aborted) return;
  // Not in the template: Lit sets properties that are objects at every update, which would start the video afresh.
  shown.srcObject = camera.stream;
  shown.muted = true;
  await shown.play();
  await follow(stage, shown, signal);
}

/** Follows the page's own video until it ends. */
export async function video(stage: Stage, element: HTMLVideoElement, signal: AbortSignal): Promise<void> {
  await follow(stage, element, signal);
  if (!signal.aborted) stage.done();
}

/** Analyses the page's own picture. */
export async function image(stage: Stage, element: HTMLImageElement, signal: AbortSignal): Promise<void> {
  await element.decode().catch((error) => {
    throw new Problem('unreadable', error);
  });
  await picture(stage, element, { width: element.naturalWidth, height: element.naturalHeight }, signal);
}

/**
 * Shows and analyses a file.
 *
 * @param name for the picture's description
 */
export async function photo(stage: Stage, file: Blob, name: string, signal: AbortSignal): Promise<void> {
  const bitmap = await createImageBitmap(file).catch((error) => {
    throw new Problem('unreadable', error);
  });
  signal.throwIfAborted();
  const canvas = document.createElement('canvas');
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.role = 'img';
  canvas.ariaLabel = name;
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
  bitmap.close();
  stage.showPhoto(canvas);
  await picture(stage, file, canvas, signal);
}

async function picture(
  stage: Stage,
  source: Blob | HTMLImageElement,
  size: PictureSize,
  signal: AbortSignal,
): Promise<void> {
  const analyzer = await stage.analyzer(signal);
  let timings: Timings | undefined;
  const faces = await analyzer.analyze(source, {
    signal,
    onTimings: (measured) => {
      timings = measured;
    },
  });
  signal.throwIfAborted();
  stage.showFaces(faces, size, timings);
  stage.done();
}

/** Analyses a playing video until it ends or `signal` aborts. */
async function follow(stage: Stage, element: HTMLVideoElement, signal: AbortSignal): Promise<void> {
  const analyzer = await stage.analyzer(signal);
  stage.run(stage.words.looking);
  for await (const { faces, timings } of analyzer.stream(element, { signal })) {
    if (signal.aborted) return;
    stage.showFaces(faces, { width: element.videoWidth, height: element.videoHeight }, timings);
  }
}
