import type { Face } from 'swinface';

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

/** Faces drawn over a photo or a video: corner ticks and a number for each, a grease-pencil ring for the chosen one. */
export interface Overlay {
  readonly element: SVGSVGElement;
  /**
   * Draws these faces in place of those before.
   *
   * @param size of the picture that the faces' coordinates refer to, in pixels
   */
  draw(faces: readonly OverlayFace[], size: { readonly width: number; readonly height: number }): void;
  /** Takes all marks away. */
  clear(): void;
}

/** What the overlay needs to know of a face. */
export interface OverlayFace {
  readonly face: Face;
  /** Number shown beside it. */
  readonly label: string;
  /** Shown after the number, where somebody knows the face. */
  readonly name?: string | undefined;
  readonly selected: boolean;
}

type Rect = Face['box'];

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
  for (let i = 0; i + 2 < landmarks.length; i += 3) {
    path += `M${mirror(landmarks[i] ?? 0).toFixed(1)} ${(landmarks[i + 1] ?? 0).toFixed(1)}h0`;
  }
  return path;
}

function mark({ face, label, name, selected }: OverlayFace, width: number, mirrored: boolean): SVGGElement {
  const mirror = mirrored ? (x: number) => width - x : (x: number) => x;
  const box = mirrored ? { ...face.box, x: width - face.box.x - face.box.width } : face.box;
  // In picture pixels, so that a mark looks the same over a small and a large picture.
  const unit = width / 1000;
  const size = 26 * unit;
  return svg(
    'g',
    { class: selected ? 'mark selected' : 'mark', 'data-face': label },
    svg('path', { class: 'dots', d: dots(face, mirror) }),
    svg('path', { class: 'corners', d: corners(box) }),
    selected && svg('path', { class: 'ring', d: pencilRing(box), pathLength: 1, 'stroke-width': 5.5 * unit }),
    svg(
      'text',
      { x: box.x, y: Math.max(box.y - size * 0.6, size), 'font-size': size },
      name === undefined ? label : `${label} ${name}`,
    ),
    svg('rect', { class: 'target', ...box }),
  );
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
  return {
    element,
    /** Replaces what was drawn before. */
    draw(faces, { width, height }) {
      element.setAttribute('viewBox', `0 0 ${width} ${height}`);
      element.replaceChildren(...faces.map((face) => mark(face, width, mirrored)));
    },
    clear() {
      element.replaceChildren();
    },
  };
}
