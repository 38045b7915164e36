import { createOverlay } from '@swinface/widget/kit';
import type { Face, FaceAnalyzer, Timings } from 'swinface';
import { createExplanation } from '../ui/explanation.js';
import { createFaceList, thumbnail } from '../ui/faces.js';
import { messageCard } from '../ui/film.js';
import { counted, duration } from '../ui/format.js';
import { describeError } from '../ui/messages.js';
import { createSession } from '../ui/session.js';
import { type OpenPicture, openPicture } from './picture.js';
import { acceptDropsAndPastes, createContactStrip, type Picture } from './sources.js';

const session = createSession('photo');
const { film, panel, shell } = session;

/** A photo with its faces, as far as the work on it has come. */
interface Result {
  readonly analyzer: FaceAnalyzer;
  readonly faces: readonly Face[];
  readonly open: OpenPicture;
  /** The photo as it was chosen. */
  readonly blob: Blob;
}

let result: Result | undefined;
/** The face that the report is about. */
let selected: Face | undefined;
let work = new AbortController();

const labelOf = (index: number): string => String(index + 1);
const overlay = createOverlay((label) => select(Number(label) - 1));
const list = createFaceList((label) => select(Number(label) - 1));
const explanation = createExplanation(
  async () => {
    if (!result || !selected) return undefined;
    const { analyzer, blob, open } = result;
    const explained = await analyzer.explain(blob, { points: selected.points });
    return explained && { picture: open.image, explained };
  },
  (error) => describeError(error).title,
);
// Above the frame, whose height follows the photo: nothing that people aim at moves.
shell.stage.prepend(createContactStrip(choose));
shell.stage.append(list.element, explanation.element, panel.element);
acceptDropsAndPastes(film.element, choose);
showEmpty();

function showEmpty(): void {
  film.setTop('No photo yet');
  film.setStatus('Ready');
  film.setCard({
    kind: 'empty',
    title: 'Choose a photo with faces',
    body: 'Take one of the samples above, open your own, drop it here, or paste it. It stays in this browser.',
  });
  session.clearReport('43 answers about each face, worked out on this device.');
}

/** Draws the faces and the report of the selected one. */
function select(index: number): void {
  if (!result?.faces[index]) return;
  const { analyzer, faces, open } = result;
  overlay.draw(
    faces.map((face, i) => ({ face, label: labelOf(i), selected: i === index })),
    open,
  );
  list.select(labelOf(index));
  selected = faces[index];
  explanation.offer();
  const entries = faces.map((face, i) => ({ face, label: labelOf(i) }));
  const [chosen] = entries.splice(index, 1);
  if (chosen) session.report(analyzer).show({ ...chosen, others: entries });
}

/** From left to right, as people count. */
const byPlace = (faces: readonly Face[]): readonly Face[] =>
  [...faces].sort((a, b) => a.box.x + a.box.width / 2 - (b.box.x + b.box.width / 2));

function showResult(next: Result, timings: Timings | undefined): void {
  result = next;
  const { faces, open } = next;
  list.show(
    faces.map(({ box }, i) => ({ label: labelOf(i), thumbnail: thumbnail(open.image, box) })),
    labelOf(0),
  );
  if (timings) panel.setTimings(timings);
  const time = timings ? ` in ${duration(timings.total)}` : '';
  film.setStatus(`${faces.length === 0 ? 'No face found' : counted(faces.length, 'face')}${time}`);
  if (faces.length > 0) {
    select(0);
    return;
  }
  film.setCard({
    kind: 'no-face',
    title: 'No face was found',
    body: 'Faces that are very small, turned away or covered are missed. Try a photo in which at least one face is larger and looks towards the camera.',
  });
  session.clearReport('There is no face to report on.');
}

/** Takes a new photo; work on the previous one is given up. */
async function choose(picture: Picture): Promise<void> {
  work.abort();
  work = new AbortController();
  const { signal } = work;
  result?.open.close();
  result = undefined;
  overlay.clear();
  explanation.clear();
  list.show([], undefined);
  film.setCard(undefined);
  film.setContent(undefined);
  film.setTop(picture.name);
  film.setStatus('Opening the photo');
  film.setProgress('busy');
  // A photo can be dropped or pasted while the frame is out of sight.
  film.element.scrollIntoView({ block: 'nearest' });
  session.clearReport('Looking at the photo.');
  try {
    const blob = await picture.load();
    const open = await openPicture(blob, picture.name);
    if (signal.aborted) return open.close();
    film.setContent({ node: open.image, overlay: overlay.element, width: open.width, height: open.height });
    film.setTop(picture.name, `${open.width} \u00d7 ${open.height}`);
    film.setProgress(undefined);
    await session.consent();
    const analyzer = await session.analyzer(signal);
    signal.throwIfAborted();
    film.setStatus('Finding and analysing faces');
    film.setProgress('busy');
    let timings: Timings | undefined;
    const faces = await analyzer.analyze(blob, {
      signal,
      onTimings: (measured) => {
        timings = measured;
      },
    });
    signal.throwIfAborted();
    showResult({ analyzer, faces: byPlace(faces), open, blob }, timings);
  } catch (error) {
    if (!signal.aborted) showFailure(error, picture);
  } finally {
    if (!signal.aborted) film.setProgress(undefined);
  }
}

function showFailure(error: unknown, picture: Picture): void {
  const message = describeError(error);
  // A lost device cannot be used again: the retry makes a new one.
  if (message.kind === 'device-lost') session.release();
  film.setStatus(message.title);
  film.setCard(messageCard(message, () => choose(picture)));
  session.clearReport('There are no results for this photo.');
}
