import type { PictureSize } from './overlay.js';

/** Where a picture's pixels are drawn, and which part of that is seen; CSS pixels, from the corner of what it is laid over. */
interface Placement {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** How far the picture reaches beyond the element's content box: top, right, bottom, left. */
  readonly hidden: readonly [number, number, number, number];
}

/** CSS pixels of a computed length, or of a share of the room that is left. Others than these two forms mean the middle. */
function offset(position: string | undefined, room: number): number {
  const number = Number.parseFloat(position ?? '');
  if (position?.endsWith('%')) return (number / 100) * room;
  return position?.endsWith('px') ? number : room / 2;
}

/** Where a page's own element draws a picture of this size: its content box, `object-fit` and `object-position`. */
function placementOf(media: HTMLElement, within: Element, { width, height }: PictureSize): Placement {
  const style = getComputedStyle(media);
  const [outer, frame] = [media.getBoundingClientRect(), within.getBoundingClientRect()];
  const inset = (side: 'Top' | 'Right' | 'Bottom' | 'Left') =>
    Number.parseFloat(style[`padding${side}`]) + Number.parseFloat(style[`border${side}Width`]);
  const box = {
    left: outer.left - frame.left + inset('Left'),
    top: outer.top - frame.top + inset('Top'),
    width: outer.width - inset('Left') - inset('Right'),
    height: outer.height - inset('Top') - inset('Bottom'),
  };
  const [across, down] = [box.width / width, box.height / height];
  const fit = style.objectFit;
  const contained = Math.min(across, down);
  const scales: Readonly<Record<string, readonly [number, number]>> = {
    fill: [across, down],
    cover: [Math.max(across, down), Math.max(across, down)],
    none: [1, 1],
    'scale-down': [Math.min(1, contained), Math.min(1, contained)],
  };
  const [scaleX, scaleY] = scales[fit] ?? [contained, contained];
  const [x, y] = style.objectPosition.split(' ');
  const left = offset(x, box.width - width * scaleX);
  const top = offset(y, box.height - height * scaleY);
  const [right, bottom] = [box.width - width * scaleX - left, box.height - height * scaleY - top];
  return {
    left: box.left + left,
    top: box.top + top,
    width: width * scaleX,
    height: height * scaleY,
    hidden: [top, right, bottom, left].map((room) => Math.max(0, -room)) as unknown as Placement['hidden'],
  };
}

/**
 * Lays marks over the pixels of the page's own picture or video, wherever the page's style has them drawn: a style of the
 * page is stronger than the widget's for what the page brought along.
 *
 * @param size of the picture, in pixels
 */
export function layOver(marks: SVGElement, media: HTMLElement, size: PictureSize): void {
  const within = marks.parentElement;
  if (!within) return;
  const { left, top, width, height, hidden } = placementOf(media, within, size);
  Object.assign(marks.style, {
    inset: 'auto',
    left: `${left}px`,
    top: `${top}px`,
    width: `${width}px`,
    height: `${height}px`,
    clipPath: `inset(${hidden.map((room) => `${room}px`).join(' ')})`,
  });
  // Only `object-fit: fill` draws a picture in another shape than its own; elsewhere the two agree but for rounding.
  marks.setAttribute('preserveAspectRatio', 'none');
}
