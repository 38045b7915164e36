import type { Face } from 'swinface';
import { placeLabels, type Rect } from './labels.js';

const SVG = 'http://www.w3.org/2000/svg';

function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>>,
  ...children: (Node | string | false)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  for (const child of children) if (child) element.append(child);
  return element;
}

/** Pixels of a picture. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** Faces drawn over a photo or a video: corner ticks and a number for each, a grease-pencil ring for the chosen one. */
export interface Overlay {
  readonly element: SVGSVGElement;
  /**
   * Draws these faces in place of those before.
   *
   * @param size of the picture that the faces' coordinates refer to, in pixels
   */
  draw(faces: readonly OverlayFace[], size: PictureSize): void;
  /** Takes all marks away. */
  clear(): void;
}

/** What the overlay needs to know of a face. */
export interface OverlayFace {
  readonly face: Face;
  /** Number shown beside it. */
  readonly label: string;
  /** Shown after the number; undefined for a face without a name. */
  readonly name?: string | undefined;
  readonly selected: boolean;
}

/** Four corners of a box, each two short strokes. */
function corners({ x, y, width, height }: Rect): string {
  const arm = Math.min(width, height) * 0.2;
  const right = x + width;
  const bottom = y + height;
  return [
    `M${x} ${y + arm}V${y}H${x + arm}`,
    `M${right - arm} ${y}H${right}V${y + arm}`,
    `M${right} ${bottom - arm}V${bottom}H${right - arm}`,
    `M${x + arm} ${bottom}H${x}V${bottom - arm}`,
  ].join('');
}

/** A loop as a hand draws it around a frame on a contact sheet: not quite closed, not quite round. */
function pencilRing({ x, y, width, height }: Rect): string {
  const cx = x + width / 2;
  const cy = y + height / 2;
  const turns = 1.12;
  const steps = 40;
  const start = -1.9;
  const points = Array.from({ length: steps + 1 }, (_, i) => {
    const t = i / steps;
    const angle = start + t * turns * 2 * Math.PI;
    const radius = 1.18 + 0.05 * Math.sin(2.3 * angle + 0.6) + 0.1 * t * t;
    return [cx + (width / 2) * radius * Math.cos(angle), cy + (height / 2) * radius * Math.sin(angle)] as const;
  });
  return `M${points.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join('L')}`;
}

/** All landmarks as one path of zero-length strokes, which round caps turn into dots. */
function dots({ landmarks = new Float32Array() }: Face, mirror: (x: number) => number): string {
  let path = '';
  // x, y and depth of each.
  landmarks.forEach((value, i) => {
    if (i % 3 === 0) path += `M${mirror(value).toFixed(1)}`;
    if (i % 3 === 1) path += ` ${value.toFixed(1)}h0`;
  });
  return path;
}

/** Height of a label's letters and of its plate, and the room beside and around them, in CSS pixels. */
const LABEL = { letters: 14, height: 22, padding: 7, gap: 5 };

function mark({ face, label, selected }: OverlayFace, box: Rect, width: number, mirrored: boolean): SVGGElement {
  const mirror = mirrored ? (x: number) => width - x : (x: number) => x;
  return svg(
    'g',
    { class: selected ? 'mark selected' : 'mark', 'data-face': label },
    svg('path', { class: 'dots', d: dots(face, mirror) }),
    svg('path', { class: 'corners', d: corners(box) }),
    // In picture pixels, so that a ring looks the same over a small and a large picture.
    selected && svg('path', { class: 'ring', d: pencilRing(box), pathLength: 1, 'stroke-width': 0.0055 * width }),
    svg('rect', { class: 'target', ...box }),
  );
}

/** A face's number and name on a plate of its own; {@link arrange} finds its place. */
function tag({ label, name, selected }: OverlayFace): SVGGElement {
  return svg(
    'g',
    { class: selected ? 'tag selected' : 'tag', 'data-face': label },
    svg('rect', { class: 'plate' }),
    svg('text', {}, name === undefined ? label : `${label} ${name}`),
  );
}

/** Width of a text in picture pixels; estimated where nothing is laid out. */
function lengthOf(text: SVGTextElement, letters: number): number {
  return text.getComputedTextLength() || 0.6 * letters * (text.textContent?.length ?? 0);
}

/** Shortens a text that is wider than it may be. */
function shorten(text: SVGTextElement, letters: number, most: number): void {
  const length = lengthOf(text, letters);
  if (length <= most) return;
  const all = [...(text.textContent ?? '')];
  text.textContent = `${all.slice(0, Math.max(1, Math.floor((all.length * most) / length) - 1)).join('')}\u2026`;
}

/**
 * Sizes the plates to their words, and puts them where they cover neither each other nor, if possible, a face.
 *
 * @param pixel a CSS pixel in pixels of the picture: words are as large over a large picture as over a small one
 */
function arrange(tags: readonly SVGGElement[], boxes: readonly Rect[], frame: PictureSize, pixel: number): void {
  const letters = LABEL.letters * pixel;
  const height = LABEL.height * pixel;
  const padding = LABEL.padding * pixel;
  const parts = tags.flatMap((each) => {
    const [text, plate] = [each.querySelector('text'), each.querySelector('rect')];
    return text && plate ? [{ text, plate }] : [];
  });
  for (const { text } of parts) text.setAttribute('font-size', String(letters));
  const sizes = parts.map(({ text }) => {
    shorten(text, letters, frame.width - 2 * padding);
    return { width: lengthOf(text, letters) + 2 * padding, height };
  });
  placeLabels(boxes, sizes, frame, LABEL.gap * pixel).forEach((place, i) => {
    const { text, plate } = parts[i] ?? {};
    for (const [name, value] of Object.entries(place)) plate?.setAttribute(name, String(value));
    plate?.setAttribute('rx', String(3 * pixel));
    text?.setAttribute('x', String(place.x + padding));
    // Digits and capitals, which reach 0.72 of the size above the line, are in the middle of the plate.
    text?.setAttribute('y', String(place.y + (height + 0.72 * letters) / 2));
  });
}

/**
 * An empty overlay, to be laid over a picture of the same aspect.
 *
 * @param onSelect called with the label of a face that was clicked; the keyboard has the list of faces instead
 * @param mirrored whether the picture below is shown mirrored
 */
export function createOverlay(onSelect: (label: string) => void, { mirrored = false } = {}): Overlay {
  const element = svg('svg', {
    class: mirrored ? 'overlay moving' : 'overlay',
    'aria-hidden': 'true',
    preserveAspectRatio: 'xMidYMid meet',
  });
  element.addEventListener('click', (event) => {
    const hit = event.target instanceof Element ? event.target.closest('[data-face]') : null;
    const label = hit?.getAttribute('data-face');
    if (label) onSelect(label);
  });
  let shown: readonly [readonly OverlayFace[], PictureSize] | undefined;
  let drawnAt = 0;
  /** A CSS pixel in pixels of the picture. */
  const pixelOf = ({ width, height }: PictureSize): number => {
    const { clientWidth, clientHeight } = element;
    return clientWidth > 0 && clientHeight > 0 ? Math.max(width / clientWidth, height / clientHeight) : width / 1000;
  };
  const draw: Overlay['draw'] = (faces, size) => {
    const boxes = faces.map(({ face: { box } }) =>
      mirrored ? { ...box, x: size.width - box.x - box.width } : { ...box },
    );
    const tags = faces.map(tag);
    shown = [faces, size];
    drawnAt = pixelOf(size);
    element.setAttribute('viewBox', `0 0 ${size.width} ${size.height}`);
    element.replaceChildren(
      ...faces.map((face, i) => mark(face, boxes[i] ?? face.face.box, size.width, mirrored)),
      // After all marks, so that none covers a label.
      ...tags,
    );
    arrange(tags, boxes, size, drawnAt);
  };
  // Drawn before it is laid out, or at another size: the words would be too large or too small.
  new ResizeObserver(() => {
    if (shown && pixelOf(shown[1]) !== drawnAt) draw(...shown);
  }).observe(element);
  return {
    element,
    draw,
    clear() {
      shown = undefined;
      element.replaceChildren();
    },
  };
}
