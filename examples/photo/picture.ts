import { h } from '../ui/dom.js';

/** A decoded photo on the page. */
export interface OpenPicture {
  readonly image: HTMLImageElement;
  /** Of the upright picture, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Gives the picture's memory back. */
  close(): void;
}

/** A picture that the browser cannot decode; carries the code of the SDK's own error for the same thing. */
class UnreadablePictureError extends Error {
  readonly code = 'INVALID_INPUT';
}

/**
 * Decodes a picture for display, turned upright as its EXIF data says.
 *
 * @throws {UnreadablePictureError} if the browser cannot decode it
 */
export async function openPicture(blob: Blob, name: string): Promise<OpenPicture> {
  const url = URL.createObjectURL(blob);
  const image = h('img', { src: url, alt: name });
  try {
    await image.decode();
  } catch (cause) {
    URL.revokeObjectURL(url);
    const kind = blob.type === '' ? 'of unknown type' : `of type ${blob.type}`;
    throw new UnreadablePictureError(`The browser cannot decode "${name}", ${blob.size} bytes ${kind}.`, { cause });
  }
  return {
    image,
    width: image.naturalWidth,
    height: image.naturalHeight,
    close: () => URL.revokeObjectURL(url),
  };
}
