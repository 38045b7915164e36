import { InvalidInputError } from '@swinface/core';
import type { Box } from './boxes.js';

/** Everything a picture can come as. Coordinates of results are pixels of this picture, upright. */
export type ImageSource =
  | Blob
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLVideoElement
  | VideoFrame
  | ImageData
  | UprightImage;

/** How large the working copy of a picture may be. */
export interface DecodeOptions {
  /** Longest side of the working copy; at most the device's maxTextureDimension2D. */
  readonly maxSide?: number;
  /** Most pixels of the working copy. */
  readonly maxPixels?: number;
  readonly signal?: AbortSignal;
}

const MAX_SIDE = 8192;
const MAX_PIXELS = 40_000_000;

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
  static async from(
    source: Exclude<ImageSource, UprightImage>,
    { maxSide = MAX_SIDE, maxPixels = MAX_PIXELS, signal }: DecodeOptions = {},
  ): Promise<UprightImage> {
    signal?.throwIfAborted();
    const pixels = await snapshot(source);
    const [width, height] = sizeOfPixels(pixels);
    try {
      signal?.throwIfAborted();
      const scale = Math.min(1, maxSide / Math.max(width, height), Math.sqrt(maxPixels / (width * height)));
      if (scale === 1) return new UprightImage(pixels, width, height);
      const shrunk = await createImageBitmap(pixels, {
        resizeWidth: Math.max(1, Math.floor(width * scale)),
        resizeHeight: Math.max(1, Math.floor(height * scale)),
        resizeQuality: 'high',
      });
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
   */
  static adopt(
    pixels: ImageBitmap | VideoFrame,
    { width, height }: { readonly width: number; readonly height: number },
  ): UprightImage {
    return new UprightImage(pixels, width, height);
  }

  /**
   * Reads a part of the working copy to the CPU. What lies outside the picture is black.
   *
   * @param box whole numbers, in pixels of the working copy
   */
  readPixels(box: Box): ImageData {
    const canvas = new OffscreenCanvas(box.width, box.height);
    const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    if (!context) throw new InvalidInputError('This browser gave no 2D canvas to read an image with.');
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

function sizeOfPixels(pixels: ImageBitmap | VideoFrame): readonly [number, number] {
  return 'displayWidth' in pixels ? [pixels.displayWidth, pixels.displayHeight] : [pixels.width, pixels.height];
}

/** EXIF is obeyed. Transparency is laid over black, the same on the CPU and the GPU. */
const BITMAP: ImageBitmapOptions = { imageOrientation: 'from-image', premultiplyAlpha: 'premultiply' };

const EXPECTED =
  'a Blob or File with an image, ImageBitmap, ImageData, VideoFrame, or an image, canvas or video element';

async function snapshot(source: Exclude<ImageSource, UprightImage>): Promise<ImageBitmap | VideoFrame> {
  const what = describe(source);
  if (what === undefined) {
    throw new InvalidInputError('This is nothing an image can be read from.', {
      expected: EXPECTED,
      actual: source === null ? 'null' : (Object.prototype.toString.call(source).slice(8, -1) as string),
    });
  }
  try {
    if (isA('HTMLImageElement', source)) await source.decode();
    if (isA('HTMLVideoElement', source)) {
      if (source.readyState < 2) throw new Error('no frame has arrived yet; wait for its "loadeddata" event');
      if (typeof VideoFrame === 'function') return await plainFrame(new VideoFrame(source));
    }
    if (isA('VideoFrame', source)) return await plainFrame(source.clone());
    return await createImageBitmap(source, BITMAP);
  } catch (cause) {
    const empty = source instanceof Blob && source.size === 0;
    throw new InvalidInputError(`The image could not be read: ${messageOf(cause)}.`, {
      expected: EXPECTED,
      actual: empty ? 'an empty file' : what,
      hint: isSecurityError(cause) ? 'Serve the image from this origin, or with CORS and crossOrigin set.' : '',
      cause,
    });
  }
}

/** The frame itself if its pixels are as they are shown, else a bitmap of it: rotated or with pixels not square. */
async function plainFrame(frame: VideoFrame): Promise<ImageBitmap | VideoFrame> {
  const turned = ('rotation' in frame && frame.rotation !== 0) || ('flip' in frame && frame.flip === true);
  const { visibleRect, displayWidth, displayHeight } = frame;
  if (!turned && visibleRect?.width === displayWidth && visibleRect.height === displayHeight) return frame;
  try {
    return await createImageBitmap(frame, BITMAP);
  } finally {
    frame.close();
  }
}

/** A line for people, or undefined if `source` is none of the accepted types. */
function describe(source: unknown): string | undefined {
  if (isA('Blob', source)) {
    const name = isA('File', source) ? ` "${source.name}"` : '';
    return `a file${name} of type "${source.type || 'unknown'}", ${source.size} bytes`;
  }
  if (isA('HTMLVideoElement', source)) return `a video element of ${source.videoWidth} x ${source.videoHeight}`;
  if (isA('HTMLImageElement', source)) return `an image element of ${source.naturalWidth} x ${source.naturalHeight}`;
  if (isA('VideoFrame', source)) return `a VideoFrame of ${source.displayWidth} x ${source.displayHeight}`;
  for (const name of ['ImageBitmap', 'ImageData', 'HTMLCanvasElement', 'OffscreenCanvas'] as const) {
    if (isA(name, source)) return `an ${name} of ${source.width} x ${source.height}`;
  }
  return undefined;
}

interface SourceTypes {
  Blob: Blob;
  File: File;
  HTMLVideoElement: HTMLVideoElement;
  HTMLImageElement: HTMLImageElement;
  HTMLCanvasElement: HTMLCanvasElement;
  OffscreenCanvas: OffscreenCanvas;
  VideoFrame: VideoFrame;
  ImageBitmap: ImageBitmap;
  ImageData: ImageData;
}

/** `instanceof` that also works where the class does not exist (workers have no elements, Node has none of them). */
function isA<K extends keyof SourceTypes>(name: K, value: unknown): value is SourceTypes[K] {
  const type: unknown = Reflect.get(globalThis, name);
  return typeof type === 'function' && value instanceof type;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause);
}

function isSecurityError(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === 'SecurityError';
}
