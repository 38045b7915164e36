import { QUALITY_HINTS } from '@swinface/postprocessing';
import {
  type Camera,
  cameraIsOffered,
  createAnnouncer,
  createOverlay,
  lookAgain,
  nearest,
  openCamera,
} from '@swinface/widget/kit';
import type { FaceAnalyzer, StreamFrame, TrackedFace } from 'swinface';
import { button, h, setText } from '../ui/dom.js';
import { createExplanation, type Looked } from '../ui/explanation.js';
import { createFaceList } from '../ui/faces.js';
import { messageCard } from '../ui/film.js';
import { counted, duration } from '../ui/format.js';
import { CAMERA_UNSUPPORTED, describeCameraError, describeError, type Message } from '../ui/messages.js';
import { createSession } from '../ui/session.js';
import { takeEnrolment } from './enrolling.js';
import { createHistory } from './history.js';
import { createPeople } from './people.js';
import { createPeoplePanel } from './people-panel.js';
import { createPerformance } from './performance.js';
import { createTimeline } from './timeline.js';

/** Numbers that change faster than this cannot be read. */
const REPORT_EVERY_MS = 200;
/** Words that change faster than this cannot be listened to. */
const SPEAK_EVERY_MS = 3000;

/** From the click that starts the camera to the one that stops it. */
interface Running {
  readonly control: AbortController;
  /** What enrolling needs, once it is there. */
  sources?: { readonly analyzer: FaceAnalyzer; readonly video: HTMLVideoElement };
}

const session = createSession('webcam');
const { film, panel, shell } = session;
const overlay = createOverlay((label) => choose(label), { mirrored: true });
const list = createFaceList((label) => choose(label));
const live = h('span', { class: 'live' }, 'Camera on');
const stopButton = button('Stop', () => stop(), { class: 'quiet' });
const history = createHistory();
const timeline = createTimeline();
const performancePanel = createPerformance();
const people = createPeople((deleted) => {
  peoplePanel.refresh();
  peoplePanel.say(deleted ? 'Everyone was forgotten, in another tab.' : 'The list was changed in another tab.');
});
const peoplePanel = createPeoplePanel(people, enrol);
const explanation = createExplanation(look, (error) => describeError(error).title);
const hint = h('span', { class: 'advice' });
const status = createAnnouncer((text) => film.setStatus(text), SPEAK_EVERY_MS);
film.setAside(hint);
panel.element.prepend(h('h2', { class: 'part-title' }, 'How it ran'), performancePanel.element);
shell.stage.append(list.element, timeline.element, explanation.element, peoplePanel.element, panel.element);

let running: Running | undefined;
let chosen: string | undefined;
let shown: readonly TrackedFace[] = [];
/** The face that the report is about. */
let reported: TrackedFace | undefined;
let reportedAt = 0;

showReady();
const lost = (what: string) => {
  peoplePanel.refresh();
  peoplePanel.say(`${what} cannot be read here. "Forget everyone" deletes it.`);
};
people.recall().then(
  () =>
    people.unreadable > 0 ? lost(`Some of what this browser remembers (${people.unreadable})`) : peoplePanel.refresh(),
  () => lost('What this browser remembers'),
);

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
  explanation.offer();
}

const chosenFace = (): TrackedFace | undefined => shown.find((face) => labelOf(face) === chosen);

/** Takes pictures of the chosen face, and of no other, however long it takes. */
async function enrol(name: string): Promise<void> {
  const [run, target] = [running, chosenFace()];
  if (!run?.sources || !target) return;
  let last = target;
  const enrolment = await takeEnrolment({
    ...run.sources,
    face: () => {
      // A machine that stalls loses track of a face: the only one in view goes on for it where it was.
      const found = shown.find(({ id }) => id === last.id) ?? (shown.length === 1 ? nearest(shown, last) : undefined);
      last = found ?? last;
      return found;
    },
    onProgress: peoplePanel.say,
    signal: run.control.signal,
  });
  await people.add(name, enrolment);
}

/** Looks again at the chosen face, as it is at this moment. */
async function look(): Promise<Looked | undefined> {
  const [run, target] = [running, chosenFace()];
  if (!run?.sources || !target) return undefined;
  const { analyzer, video } = run.sources;
  const { signal } = run.control;
  const { picture, face } = await lookAgain(analyzer, video, target, signal);
  const explained = face && (await analyzer.explain(picture, { points: face.points, signal }));
  return explained && { picture, explained, mirrored: true, note: `Face ${target.id}, as it was when you asked.` };
}

function showFrame(frame: StreamFrame, { analyzer, video }: NonNullable<Running['sources']>): void {
  const { faces } = frame;
  const now = performance.now();
  shown = faces;
  if (!chosenFace()) chosen = faces[0] && labelOf(faces[0]);
  history.add(faces, now);
  performancePanel.add(frame);
  const names = new Map(faces.map((face) => [face.id, peoplePanel.nameOf(face)]));
  overlay.draw(
    faces.map((face) => ({ face, label: labelOf(face), name: names.get(face.id), selected: labelOf(face) === chosen })),
    { width: video.videoWidth, height: video.videoHeight },
  );
  if (now - reportedAt < REPORT_EVERY_MS) return;
  reportedAt = now;
  list.show(
    faces.map((face) => ({ label: labelOf(face) })),
    chosen,
  );
  performancePanel.show();
  const timings = performancePanel.timings();
  if (timings) panel.setTimings(timings);
  film.setTop('Camera', `${frame.rate.toFixed(1)} fps, ${duration(frame.timings.total)} a frame`);
  const known = [...names.values()].filter((name) => name !== undefined);
  status.say(
    faces.length === 0
      ? 'No face in view: look towards the camera'
      : `${counted(faces.length, 'face')} in view${known.length > 0 ? `: ${known.join(', ')}` : ''}`,
  );
  const face = chosenFace();
  const [worst] = face?.quality.hints ?? [];
  setText(hint, worst ? QUALITY_HINTS[worst] : '');
  peoplePanel.show(face);
  if (face && explanation.element.hidden) explanation.offer();
  const entries = faces.map((each) => ({ face: each, label: labelOf(each) }));
  const index = entries.findIndex(({ label }) => label === chosen);
  const [entry] = index < 0 ? [] : entries.splice(index, 1);
  if (entry) {
    timeline.show(entry.label, history.of(entry.face.id), now);
    session.report(analyzer).show({ ...entry, others: entries });
    reported = entry.face;
  } else if (reported) {
    // Somebody who looks away for a moment finds what was said last where it was, and time going on.
    timeline.show(labelOf(reported), history.of(reported.id), now);
    session.dimReport();
  } else {
    session.clearReport('No face in view.');
  }
}

/** Resolves when the video shows its first frame. */
async function play(video: HTMLVideoElement, camera: Camera): Promise<void> {
  video.srcObject = camera.stream;
  await video.play();
}

async function start(): Promise<void> {
  const control = new AbortController();
  const { signal } = control;
  const run: Running = { control };
  running = run;
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
        fail(run, describeCameraError(new DOMException('The camera went away', 'NotFoundError'))),
      );
    } catch (error) {
      return fail(run, describeCameraError(error));
    }
    const video = h('video', {
      playsinline: true,
      class: 'mirrored',
      'aria-label': 'Camera image, mirrored',
    });
    // The attribute counts in a document's own markup alone; without either, Firefox may refuse to play.
    video.muted = true;
    film.controls.replaceChildren(live, stopButton);
    await play(video, camera);
    film.setContent({ node: video, overlay: overlay.element, width: video.videoWidth, height: video.videoHeight });
    film.setTop('Camera', camera.label);
    const analyzer = await session.analyzer(signal);
    signal.throwIfAborted();
    film.setProgress(undefined);
    film.setStatus('Looking for faces');
    const strangers = await people.use(analyzer.manifest);
    signal.throwIfAborted();
    peoplePanel.setManifest(analyzer.manifest);
    if (strangers.length > 0) {
      peoplePanel.say(`Forgotten, since another model had looked at them: ${strangers.join(', ')}.`);
    }
    run.sources = { analyzer, video };
    for await (const frame of analyzer.stream(video, { signal })) showFrame(frame, run.sources);
  } catch (error) {
    if (!signal.aborted) fail(run, describeError(error));
  } finally {
    camera?.stop();
  }
}

/** Ends the current run with a message. */
function fail(run: Running, message: Message): void {
  if (running !== run) return;
  stop();
  if (message.kind === 'device-lost') session.release();
  film.setStatus(message.title);
  film.setCard(messageCard(message, start));
}

function stop(): void {
  running?.control.abort();
  running = undefined;
  chosen = undefined;
  shown = [];
  reported = undefined;
  status.hush();
  setText(hint, '');
  history.clear();
  timeline.hide();
  explanation.clear();
  performancePanel.reset();
  peoplePanel.show(undefined);
  peoplePanel.setManifest(undefined);
  overlay.clear();
  list.show([], undefined);
  film.setProgress(undefined);
  showReady();
}
