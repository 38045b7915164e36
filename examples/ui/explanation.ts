import type { Face, FaceExplanation, TaskExplanation } from 'swinface';
import { button, h, setText } from './dom.js';

/** The part of the page that shows where on the face some answers come from. */
export interface ExplanationPanel {
  readonly element: HTMLElement;
  /** Offers to explain a face of a picture. */
  offer(picture: CanvasImageSource, face: Pick<Face, 'points'>): void;
  /** Nothing to explain. */
  clear(): void;
}

const SIDE = 112;
/** Pixels of the drawing for one of the crop. */
const SCALE = 2;
const LEVELS = ['FM1, finest', 'FM2', 'FM3', 'FM4, coarsest'] as const;

/**
 * @param explain computes the explanation of the face at the points
 * @param describe an error in words for people
 */
export function createExplanation(
  explain: (points: Face['points']) => Promise<FaceExplanation | undefined>,
  describe: (error: unknown) => string,
): ExplanationPanel {
  const status = h('p', { class: 'hint', role: 'status' });
  const figures = h('div', { class: 'explanations' });
  const ask = button('Show what the answers rest on', () => void show(), { class: 'quiet' });
  const element = h('section', { class: 'explanation', hidden: true, 'aria-label': 'What the answers rest on' });
  element.append(ask, status, figures);
  let subject: { readonly picture: CanvasImageSource; readonly face: Pick<Face, 'points'> } | undefined;

  async function show(): Promise<void> {
    const asked = subject;
    if (!asked) return;
    ask.disabled = true;
    setText(status, 'Looking at the face again');
    try {
      const explained = await explain(asked.face.points);
      if (asked !== subject) return;
      figures.replaceChildren(...(explained?.explanations ?? []).map((one) => figure(one, asked.picture)));
      setText(
        status,
        'Glowing places speak for the answer. The bars say how strongly it draws on each level of the network, from fine detail to the whole face.',
      );
    } catch (error) {
      if (asked === subject) setText(status, describe(error));
    } finally {
      ask.disabled = false;
    }
  }

  return {
    element,
    offer(picture, face) {
      subject = { picture, face };
      figures.replaceChildren();
      setText(status, '');
      element.hidden = false;
    },
    clear() {
      subject = undefined;
      element.hidden = true;
    },
  };
}

function figure({ task, answer, levels, side, map, sourceToCrop }: TaskExplanation, picture: CanvasImageSource) {
  const title = task === 'Age' ? 'Apparent age' : `${task}: ${answer}`;
  const canvas = h('canvas', {
    width: SCALE * SIDE,
    height: SCALE * SIDE,
    role: 'img',
    'aria-label': `${title}: ${place(map, side)}`,
  });
  const context = canvas.getContext('2d');
  if (context) {
    const { a, b, tx, ty } = sourceToCrop;
    context.setTransform(SCALE * a, SCALE * b, -SCALE * b, SCALE * a, SCALE * tx, SCALE * ty);
    context.drawImage(picture, 0, 0);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = 'rgb(0 0 0 / 45%)';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = 'lighter';
    context.imageSmoothingQuality = 'high';
    context.drawImage(glow(map, side), 0, 0, canvas.width, canvas.height);
  }
  const most = Math.max(...levels, 1e-9);
  const bars = levels.map((level, i) => {
    const bar = h('span', { class: 'level', title: LEVELS[i] });
    // Not as an attribute, which the pages' policy forbids.
    bar.style.setProperty('--p', (level / most).toFixed(3));
    return bar;
  });
  const spread = levels.map((level, i) => `FM${i + 1} ${((100 * level) / most).toFixed(0)} %`).join(', ');
  return h(
    'figure',
    { 'data-task': task },
    canvas,
    h('figcaption', {}, title),
    h(
      'div',
      { class: 'levels', role: 'img', 'aria-label': `Levels of the network, beside the strongest: ${spread}` },
      ...bars,
    ),
  );
}

/** The map as light, one pixel a place. */
function glow(map: Float32Array, side: number): HTMLCanvasElement {
  const canvas = h('canvas', { width: side, height: side });
  const image = new ImageData(side, side);
  map.forEach((value, i) => {
    // Squared, so that the strongest places stand out.
    image.data.set([255, 170, 40, 230 * value * value], 4 * i);
  });
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  return canvas;
}

const ROWS = ['top', 'middle', 'bottom'] as const;
const COLUMNS = ['left', 'middle', 'right'] as const;

/** Where a map is brightest, in words. */
function place(map: Float32Array, side: number): string {
  const most = map.reduce((best, value, i) => (value > (map[best] ?? 0) ? i : best), 0);
  if ((map[most] ?? 0) === 0) return 'no place speaks for it';
  const row = ROWS[Math.floor((3 * Math.floor(most / side)) / side)];
  const column = COLUMNS[Math.floor((3 * (most % side)) / side)];
  return `strongest at the ${row} ${column} of the face`;
}
