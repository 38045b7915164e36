import { drawHeatMap, type Place, strongestPlace } from '@swinface/widget/kit';
import type { FaceExplanation, TaskExplanation } from 'swinface';
import { button, h, setText } from './dom.js';

/** The part of the page that shows where the network looked for some answers. */
export interface ExplanationPanel {
  readonly element: HTMLElement;
  /** Offers to look; what was shown of another face goes. */
  offer(): void;
  /** Nothing to look at. */
  clear(): void;
}

/** A face that was looked at again. */
export interface Looked {
  readonly picture: CanvasImageSource;
  readonly explained: FaceExplanation;
  /** Whether the page shows the picture mirrored. */
  readonly mirrored?: boolean;
  /** Said before the rest, such as which face and when. */
  readonly note?: string;
}

const LEVELS = ['FM1, finest', 'FM2', 'FM3', 'FM4, coarsest'] as const;
const LEGEND =
  'Glowing places spoke for the answer. The bars say how strongly it draws on each level of the network, from fine detail to the whole face. This is where the network looked, not why it answers so.';

/**
 * @param look looks at the chosen face again; undefined where it cannot be found. Nothing is computed before
 * @param describe an error in words for people
 */
export function createExplanation(
  look: () => Promise<Looked | undefined>,
  describe: (error: unknown) => string,
): ExplanationPanel {
  const status = h('p', { class: 'hint', role: 'status' });
  const figures = h('div', { class: 'explanations' });
  const ask = button('Show what the network looked at', () => void show(), { class: 'quiet' });
  const element = h('section', { class: 'explanation', hidden: true, 'aria-label': 'What the network looked at' });
  element.append(ask, status, figures);
  /** Counts what was offered: an answer to an earlier question is not wanted. */
  let offered = 0;

  async function show(): Promise<void> {
    const asked = offered;
    ask.disabled = true;
    setText(status, 'Looking at the face again');
    try {
      const looked = await look();
      if (asked !== offered) return;
      figures.replaceChildren(...(looked ? looked.explained.explanations.map((one) => figure(one, looked)) : []));
      setText(status, looked ? [looked.note, LEGEND].filter(Boolean).join(' ') : 'The face was not found again.');
    } catch (error) {
      if (asked === offered) setText(status, describe(error));
    } finally {
      if (asked === offered) ask.disabled = false;
    }
  }

  const reset = (hidden: boolean) => {
    offered += 1;
    ask.disabled = false;
    figures.replaceChildren();
    setText(status, '');
    element.hidden = hidden;
  };

  return { element, offer: () => reset(false), clear: () => reset(true) };
}

function figure(explanation: TaskExplanation, { picture, mirrored = false }: Looked): HTMLElement {
  const { task, answer, levels } = explanation;
  const title = task === 'Age' ? 'Apparent age' : `${task}: ${answer}`;
  const canvas = drawHeatMap(picture, explanation, { mirrored });
  const place = strongestPlace(explanation, { mirrored });
  canvas.role = 'img';
  canvas.ariaLabel = `${title}: ${inWords(place)}`;
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
    // Where nothing glows the words are shown too: the picture alone would look as if it had failed.
    h('figcaption', {}, place ? title : `${title}; ${inWords(place)}`),
    h(
      'div',
      { class: 'levels', role: 'img', 'aria-label': `Levels of the network, beside the strongest: ${spread}` },
      ...bars,
    ),
  );
}

const ROWS = ['top', 'middle', 'bottom'] as const;
const COLUMNS = ['left', 'middle', 'right'] as const;

const inWords = (place: Place | undefined): string =>
  place ? `strongest at the ${ROWS[place.row]} ${COLUMNS[place.column]}` : 'no place speaks for it';
