import { unusable } from './unreadable.js';

/** What an image element shows, to notice when it is made to show something else. */
export interface ShownImage {
  readonly address: string;
  readonly width: number;
  readonly height: number;
}

const shownBy = ({ currentSrc, naturalWidth, naturalHeight }: HTMLImageElement): ShownImage => ({
  address: currentSrc,
  width: naturalWidth,
  height: naturalHeight,
});

/**
 * Waits until an image element has loaded. One that is to load lazily is made to load now: far below the fold it would
 * never do so.
 *
 * @throws {InvalidInputError} if it has no picture, does not load, or is given another address meanwhile
 */
export async function loadedImage(element: HTMLImageElement): Promise<ShownImage> {
  // Documents without a window, as DOMParser makes them, load nothing.
  if (!element.complete && element.ownerDocument.defaultView !== null) {
    const [address, set] = [element.src, element.srcset];
    if (element.loading === 'lazy') element.loading = 'eager';
    await new Promise<void>((resolve) => {
      for (const event of ['load', 'error']) element.addEventListener(event, () => resolve(), { once: true });
    });
    if (element.src !== address || element.srcset !== set) throw changed(element);
  }
  if (element.naturalWidth > 0) return shownBy(element);
  throw unusable(
    element,
    element.currentSrc ? `${element.currentSrc} is no image, or did not load` : 'it shows no picture',
    'Wait for its "load" event, and listen for "error".',
  );
}

/** @throws {InvalidInputError} if an element does not show what it did */
export function requireUnchanged(element: HTMLImageElement, before: ShownImage): void {
  const { address, width, height } = shownBy(element);
  if (address !== before.address || width !== before.width || height !== before.height) throw changed(element);
}

const changed = (element: HTMLImageElement) =>
  unusable(
    element,
    'the element was given another picture while it waited for its turn',
    'Wait for the result before changing "src", or hand in the file.',
  );
