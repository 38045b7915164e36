import { type Camera, cameraIsOffered, createOverlay, openCamera } from '@swinface/widget/kit';
import type { FaceAnalyzer, StreamFrame, TrackedFace } from 'swinface';
import { button, h } from '../ui/dom.js';
import { createFaceList } from '../ui/faces.js';
import { messageCard } from '../ui/film.js';
import { counted, duration } from '../ui/format.js';
import { CAMERA_UNSUPPORTED, describeCameraError, describeError, type Message } from '../ui/messages.js';
import { createSession } from '../ui/session.js';
import { createRate } from './rate.js';

/** Numbers that change faster than this cannot be read. */
const REPORT_EVERY_MS = 200;

const session = createSession('webcam');
const { film, panel, shell } = session;
const overlay = createOverlay((label) => choose(label), { mirrored: true });
const list = createFaceList((label) => choose(label));
const live = h('span', { class: 'live' }, 'Camera on');
const stopButton = button('Stop', () => stop(), { class: 'quiet' });
shell.stage.append(list.element, panel.element);

let running: AbortController | undefined;
let chosen: string | undefined;
let reportedAt = 0;

showReady();

function showReady(): void {
  film.controls.replaceChildren();
  film.setTop('Camera off');
  film.setStatus('Ready');
  film.setContent(undefined);
  if (!cameraIsOffered()) {
    film.setCard(messageCard(CAMERA_UNSUPPORTED, start));
  } else {
    film.setCard({
      kind: 'camera-off',
      title: 'Your camera is off',
      body: 'Start it to see the analysis live. The images are looked at on this device, one after another, and none is kept or sent.',
      actions: [{ label: 'Start the camera', run: start }],
    });
  }
  session.clearReport('43 answers about each face, worked out on this device.');
}

const labelOf = (face: TrackedFace): string => String(face.id);

function choose(label: string): void {
  chosen = label;
  reportedAt = 0;
}

function showFrame(frame: StreamFrame, analyzer: FaceAnalyzer, video: HTMLVideoElement, rate: number): void {
  const { faces, timings } = frame;
  if (!faces.some((face) => labelOf(face) === chosen)) chosen = faces[0] && labelOf(faces[0]);
  overlay.draw(
    faces.map((face) => ({ face, label: labelOf(face), selected: labelOf(face) === chosen })),
    { width: video.videoWidth, height: video.videoHeight },
  );
  const now = performance.now();
  if (now - reportedAt < REPORT_EVERY_MS) return;
  reportedAt = now;
  list.show(
    faces.map((face) => ({ label: labelOf(face) })),
    chosen,
  );
  panel.setTimings(timings);
  film.setTop('Camera', `${rate.toFixed(1)} fps, ${duration(timings.total)} a frame`);
  film.setStatus(
    faces.length === 0 ? 'No face in view: look towards the camera' : `${counted(faces.length, 'face')} in view`,
  );
  const entries = faces.map((face) => ({ face, label: labelOf(face) }));
  const index = entries.findIndex(({ label }) => label === chosen);
  const [entry] = index < 0 ? [] : entries.splice(index, 1);
  if (entry) session.report(analyzer).show({ ...entry, others: entries });
  else session.clearReport('No face in view.');
}

/** Resolves when the video shows its first frame. */
async function play(video: HTMLVideoElement, camera: Camera): Promise<void> {
  video.srcObject = camera.stream;
  await video.play();
}

async function start(): Promise<void> {
  const control = new AbortController();
  const { signal } = control;
  running = control;
  let camera: Camera | undefined;
  // Off at once when stopped, whatever is still being waited for.
  signal.addEventListener('abort', () => camera?.stop());
  try {
    await session.consent();
    film.setCard(undefined);
    film.setStatus('Waiting for the camera');
    film.setProgress('busy');
    try {
      camera = await openCamera(() =>
        fail(control, describeCameraError(new DOMException('The camera went away', 'NotFoundError'))),
      );
    } catch (error) {
      return fail(control, describeCameraError(error));
    }
    const video = h('video', {
      muted: true,
      playsinline: true,
      class: 'mirrored',
      'aria-label': 'Camera image, mirrored',
    });
    film.controls.replaceChildren(live, stopButton);
    await play(video, camera);
    film.setContent({ node: video, overlay: overlay.element, width: video.videoWidth, height: video.videoHeight });
    film.setTop('Camera', camera.label);
    const analyzer = await session.analyzer(signal);
    signal.throwIfAborted();
    film.setProgress(undefined);
    film.setStatus('Looking for faces');
    const rate = createRate();
    for await (const frame of analyzer.stream(video, { signal })) {
      showFrame(frame, analyzer, video, rate.tick());
    }
  } catch (error) {
    if (!signal.aborted) fail(control, describeError(error));
  } finally {
    camera?.stop();
  }
}

/** Ends the current run with a message. */
function fail(control: AbortController, message: Message): void {
  if (running !== control) return;
  stop();
  if (message.kind === 'device-lost') session.release();
  film.setStatus(message.title);
  film.setCard(messageCard(message, start));
}

function stop(): void {
  running?.abort();
  running = undefined;
  chosen = undefined;
  overlay.clear();
  list.show([], undefined);
  film.setProgress(undefined);
  showReady();
}
