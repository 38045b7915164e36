import { button, h, setText } from './dom.js';
import type { Message } from './messages.js';

/** The black frame that holds the picture: edge print above and below, and a card for everything that is not a picture. */
export interface Film {
  readonly element: HTMLElement;
  /** Puts a picture or video, with its overlay, into the frame; undefined empties it. */
  setContent(content: FilmContent | undefined): void;
  /** Top edge: what is in the frame. */
  setTop(left: string, right?: string): void;
  /** Bottom edge: how it stands; announced to screen readers. */
  setStatus(text: string): void;
  /** Something beside the status, such as advice; not announced. */
  setAside(aside: HTMLElement): void;
  /** A card over the frame; undefined takes it away. */
  setCard(card: Card | undefined): void;
  /** A bar along the bottom edge: 0..1, 'busy' where the share is not known, undefined for none. */
  setProgress(value: number | 'busy' | undefined): void;
  /** Further controls on the top edge. */
  readonly controls: HTMLElement;
}

/** A picture with its size in pixels. */
export interface FilmContent {
  readonly node: HTMLElement;
  readonly overlay: SVGSVGElement;
  readonly width: number;
  readonly height: number;
}

/** Words and actions shown in place of a picture, or over it. */
export interface Card {
  /** Name of the state, for styles and tests. */
  readonly kind: string;
  readonly title: string;
  readonly body: string;
  readonly detail?: string;
  readonly actions?: readonly { readonly label: string; readonly run: () => void; readonly quiet?: boolean }[];
  /** Errors interrupt a screen reader; everything else waits its turn. */
  readonly urgent?: boolean;
  /** Whether the first action takes the keyboard's focus: the card answers what the person just did. */
  readonly takesFocus?: boolean;
}

/** A card for a message, with a way to try again where that can help. */
export function messageCard(message: Message, retry: () => void): Card {
  const { kind, title, body } = message;
  return {
    kind,
    title,
    body,
    urgent: true,
    takesFocus: true,
    ...(message.detail === undefined ? {} : { detail: message.detail }),
    ...(message.retry === undefined ? {} : { actions: [{ label: message.retry, run: retry }] }),
  };
}

function cardElement(card: Card): HTMLElement {
  return h(
    'div',
    { class: 'card', 'data-state': card.kind, role: card.urgent ? 'alert' : 'group', 'aria-label': card.title },
    h('h2', {}, card.title),
    h('p', {}, card.body),
    card.actions &&
      h(
        'div',
        { class: 'actions' },
        ...card.actions.map(({ label, run, quiet }) => button(label, run, { class: quiet ? 'quiet' : 'primary' })),
      ),
    card.detail !== undefined && h('details', {}, h('summary', {}, 'What exactly happened'), h('p', {}, card.detail)),
  );
}

/** An empty frame. */
export function createFilm(): Film {
  const left = h('span', { class: 'name' });
  const right = h('span');
  const controls = h('span', { class: 'controls' });
  const status = h('span', { role: 'status' });
  const bottom = h('div', { class: 'edge' }, status);
  const bar = h('div', { class: 'progress', hidden: true, role: 'progressbar', 'aria-label': 'Loading' }, h('div'));
  const frame = h('div', { class: 'frame' });
  const cardHolder = h('div', { class: 'card-holder' });
  const picture = h('div', { class: 'picture' }, frame, cardHolder);
  const element = h(
    'div',
    { class: 'film', 'data-empty': true },
    h('div', { class: 'edge' }, left, right, controls),
    picture,
    bottom,
    bar,
  );
  return {
    element,
    controls,
    setContent(content) {
      element.toggleAttribute('data-empty', content === undefined);
      frame.replaceChildren(...(content ? [content.node, content.overlay] : []));
      if (content) frame.style.setProperty('--aspect', String(content.width / content.height));
    },
    setTop(name, note = '') {
      setText(left, name);
      setText(right, note);
    },
    setStatus: (text) => setText(status, text),
    setAside: (aside) => bottom.append(aside),
    setCard(card) {
      cardHolder.replaceChildren(...(card ? [cardElement(card)] : []));
      if (card?.takesFocus) cardHolder.querySelector('button')?.focus();
    },
    setProgress(value) {
      bar.hidden = value === undefined;
      bar.toggleAttribute('data-busy', value === 'busy');
      if (typeof value === 'number') {
        bar.setAttribute('aria-valuenow', String(Math.round(value * 100)));
        bar.style.setProperty('--p', String(value));
      } else {
        bar.removeAttribute('aria-valuenow');
      }
    },
  };
}
