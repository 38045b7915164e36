// For applications whose own settings do not name it; `Symbol.dispose` is in the types of this package.
/// <reference lib="esnext.disposable" preserve="true" />
import { DisposedError } from '@swinface/core';
import { untilAborted } from '@swinface/core/internal';
import {
  type Box,
  isBranded,
  isObject,
  requireInput,
  requireNumbers,
  type WorkingLimits,
  workingSize,
} from '@swinface/geometry';
import { readableCanvas } from './canvas.js';
import { type CapturedPixels, capturePixels, type DecodedPixels, sizeOfPixels } from './sources/capture.js';
import { isKind, type PixelSource } from './sources/kinds.js';

/**
 * Everything a picture can come as. Coordinates of results are pixels of this picture, upright: `naturalWidth` x
 * `naturalHeight` of an image element (whatever `srcset` chose and whatever size the page shows it in), `videoWidth` x
 * `videoHeight` of a video, `width` x `height` of all others.
 */
export type ImageSource = PixelSource | UprightImage;

/** How large the working copy of a picture may be; its side at most the device's maxTextureDimension2D. */
export interface DecodeOptions extends WorkingLimits {
  readonly signal?: AbortSignal;
}

/** A picture of the moment at which it was captured, not decoded yet. Dispose it; decoding hands it over. */
export interface CapturedImage extends Disposable {
  /**
   * Resolves once nothing has to be waited for any more: an image has loaded, a video has a frame. Wait for it before taking
   * a place in a queue.
   *
   * @throws {InvalidInputError} if the picture cannot be read
   */
  readonly ready: Promise<void>;
  /** The file, where the source is one: it may be decoded elsewhere. */
  readonly file: Blob | undefined;
  /**
   * Decodes it, once; the caller disposes the result.
   *
   * @throws {InvalidInputError} if the picture is broken, or may not be read (of another origin)
   * @throws the signal's reason
   */
  decode(options?: DecodeOptions): Promise<UprightImage>;
  /** Frees what was not decoded; more calls do nothing. */
  dispose(): void;
}

/**
 * A decoded picture, turned upright (EXIF), that the locators and warps share. Pictures beyond the limits are shrunk
 * once; `width` and `height` stay those of the source, so that all coordinates do.
 *
 * A mirrored preview is a matter of drawing (`transform: scaleX(-1)`): what is decoded here is never mirrored.
 */
export class UprightImage implements Disposable {
  /** Size of the source in pixels, upright. */
  readonly width: number;
  readonly height: number;
  /** Working pixels per source pixel, horizontally and vertically: 1 unless the picture had to be shrunk. */
  readonly scaleX: number;
  readonly scaleY: number;
  /** The working copy. A frame of a video stays on the GPU as a VideoFrame where the browser has that. */
  readonly pixels: ImageBitmap | VideoFrame;
  #disposed = false;

  private constructor(pixels: ImageBitmap | VideoFrame, width: number, height: number) {
    const [pixelWidth, pixelHeight] = sizeOfPixels(pixels);
    this.pixels = pixels;
    this.width = width;
    this.height = height;
    this.scaleX = pixelWidth / width;
    this.scaleY = pixelHeight / height;
  }

  /** Size of the working copy, [width, height]. */
  get pixelSize(): readonly [number, number] {
    return sizeOfPixels(this.pixels);
  }

  /**
   * Decodes `source` and snapshots its current frame. The caller disposes the result; the source stays the caller's.
   *
   * @throws {InvalidInputError} if it is no image, is broken, empty, not ready, closed, or may not be read (cross-origin)
   */
  static async from(source: Exclude<ImageSource, UprightImage>, options: DecodeOptions = {}): Promise<UprightImage> {
    requireDecodeOptions(options);
    options.signal?.throwIfAborted();
    using captured = UprightImage.capture(source);
    await untilAborted(captured.ready, options.signal);
    return captured.decode(options);
  }

  /**
   * Takes what a source shows now, to be decoded later: what changes or is closed afterwards does not matter. Image elements
   * alone are read when they are decoded, and refused if they show another picture by then.
   *
   * @throws {InvalidInputError} if it is nothing an image can be read from
   * @throws {DisposedError} if it is an UprightImage that was disposed
   * @throws {UnsupportedDeviceError} where there is no decoder, as in Node
   *
   * @example
   * using captured = UprightImage.capture(canvas);
   * context.clearRect(0, 0, canvas.width, canvas.height);
   * using image = await captured.decode(); // what the canvas showed before
   */
  static capture(source: ImageSource): CapturedImage {
    const { ready, decode, drop } = source instanceof UprightImage ? source.#copy() : capturePixels(source);
    let open = true;
    const dispose = () => {
      if (open) drop();
      open = false;
    };
    return {
      ready,
      file: isKind('Blob', source) || isKind('File', source) ? source : undefined,
      async decode(options = {}) {
        requireDecodeOptions(options);
        options.signal?.throwIfAborted();
        if (!open) throw new DisposedError('This picture was disposed, or decoded already.');
        open = false;
        return UprightImage.#within(await decode(), options);
      },
      dispose,
      [Symbol.dispose]: dispose,
    };
  }

  /** A copy that outlives this image, begun before this returns. */
  #copy(): CapturedPixels {
    if (this.#disposed) throw new DisposedError('This UprightImage was disposed.');
    const { pixels, width, height } = this;
    const copy = 'displayWidth' in pixels ? Promise.resolve(pixels.clone()) : createImageBitmap(pixels);
    return {
      ready: copy.then(() => undefined),
      decode: async () => ({ pixels: await copy, width, height }),
      drop: () => void copy.then((taken) => taken.close()).catch(() => undefined),
    };
  }

  /** Takes over decoded pixels, shrunk where they are beyond the limits. */
  static async #within(
    { pixels, width, height }: DecodedPixels,
    { signal, ...limits }: DecodeOptions,
  ): Promise<UprightImage> {
    try {
      signal?.throwIfAborted();
      const [fullWidth, fullHeight] = sizeOfPixels(pixels);
      const [resizeWidth, resizeHeight] = workingSize(fullWidth, fullHeight, limits);
      if (resizeWidth === fullWidth && resizeHeight === fullHeight) return new UprightImage(pixels, width, height);
      const shrunk = await createImageBitmap(pixels, { resizeWidth, resizeHeight, resizeQuality: 'high' });
      pixels.close();
      return new UprightImage(shrunk, width, height);
    } catch (error) {
      pixels.close();
      throw error;
    }
  }

  /**
   * Takes over a working copy that was decoded elsewhere, e.g. the `pixels` of an image on the other side of a
   * `postMessage`; disposing the image closes it.
   *
   * @param size of the source in pixels, upright
   * @throws {InvalidInputError} if these are no pixels, or the size is not above 0
   */
  static adopt(
    pixels: ImageBitmap | VideoFrame,
    size: { readonly width: number; readonly height: number },
  ): UprightImage {
    const usable = isKind('ImageBitmap', pixels) || isKind('VideoFrame', pixels);
    requireInput(usable, 'The argument "pixels"', 'an ImageBitmap or a VideoFrame', pixels);
    requireNumbers('The argument "size"', size, ['width', 'height']);
    const { width, height } = size;
    requireInput(width > 0 && height > 0, 'The argument "size"', 'sides above 0', size);
    return new UprightImage(pixels, width, height);
  }

  /**
   * Reads a part of the working copy to the CPU. What lies outside the picture is black.
   *
   * @param box whole numbers, in pixels of the working copy
   * @throws {DisposedError} after `dispose`
   * @throws {InvalidInputError} if the box is no box, or holds no pixel
   */
  readPixels(box: Box): ImageData {
    requireNumbers('The argument "box"', box, ['x', 'y', 'width', 'height']);
    requireInput(box.width >= 1 && box.height >= 1, 'The argument "box"', 'a box of one pixel or more', box);
    if (this.#disposed) throw new DisposedError('This UprightImage was disposed.');
    const context = readableCanvas(box.width, box.height);
    context.drawImage(this.pixels, -box.x, -box.y);
    return context.getImageData(0, 0, box.width, box.height);
  }

  /** Frees the working copy; more calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.pixels.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @throws {InvalidInputError} unless these are options of decoding; the limits are checked where they are used */
function requireDecodeOptions(options: unknown): void {
  requireInput(isObject(options), 'The argument "options"', 'an object', options);
  const usable = options.signal === undefined || isBranded(options.signal, 'AbortSignal');
  requireInput(usable, 'The option "signal"', 'an AbortSignal', options.signal);
}

/**
 * Calls `use` with `source` decoded, and frees what was decoded here; an UprightImage is passed through and stays the
 * caller's.
 */
export async function withUprightImage<R>(
  source: ImageSource,
  signal: AbortSignal | undefined,
  use: (image: UprightImage) => Promise<R>,
): Promise<R> {
  if (source instanceof UprightImage) return use(source);
  const image = await UprightImage.from(source, signal ? { signal } : {});
  try {
    return await use(image);
  } finally {
    image.dispose();
  }
}
