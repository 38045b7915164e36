import { h } from './dom.js';

/** One entry of the list of faces. */
export interface FaceEntry {
  /** Number of the face as shown on the picture. */
  readonly label: string;
  /** A small picture of it, where there is one. */
  readonly thumbnail?: HTMLCanvasElement;
}

/** The list of faces: radio buttons, so that arrow keys walk through them. */
export interface FaceList {
  readonly element: HTMLElement;
  show(entries: readonly FaceEntry[], selected: string | undefined): void;
  select(label: string): void;
}

/** @param onSelect called with the chosen face's label */
export function createFaceList(onSelect: (label: string) => void): FaceList {
  const list = h('div', { class: 'faces' });
  const element = h('fieldset', { class: 'face-list', hidden: true }, h('legend', {}, 'Faces'), list);
  let shown = '';
  const inputs = () => [...list.querySelectorAll('input')];
  const select = (label: string) => {
    for (const input of inputs()) input.checked = input.value === label;
  };
  list.addEventListener('change', (event) => {
    if (event.target instanceof HTMLInputElement) onSelect(event.target.value);
  });
  return {
    element,
    show(entries, selected) {
      element.hidden = entries.length === 0;
      // Rebuilt only when the faces differ, or the keyboard focus would be lost on every video frame.
      const signature = entries.map(({ label }) => label).join();
      if (signature !== shown || entries.some(({ thumbnail }) => thumbnail)) {
        shown = signature;
        list.replaceChildren(
          ...entries.map(({ label, thumbnail }) =>
            h(
              'label',
              { class: 'face' },
              h('input', { type: 'radio', name: 'face', value: label, 'aria-label': `Face ${label}` }),
              thumbnail ?? null,
              h('span', {}, label),
            ),
          ),
        );
      }
      if (selected !== undefined) select(selected);
    },
    select,
  };
}

const THUMBNAIL = 112;

/** Cuts a face with some room around it out of a picture. */
export function thumbnail(
  source: CanvasImageSource,
  box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): HTMLCanvasElement {
  const canvas = h('canvas', { width: THUMBNAIL, height: THUMBNAIL, 'aria-hidden': 'true' });
  const side = Math.max(box.width, box.height) * 1.35;
  const x = box.x + box.width / 2 - side / 2;
  const y = box.y + box.height / 2 - side / 2;
  canvas.getContext('2d')?.drawImage(source, x, y, side, side, 0, 0, THUMBNAIL, THUMBNAIL);
  return canvas;
}
