import { UnsupportedDeviceError } from '@swinface/core';
import { readableCanvas } from '../canvas.js';
import { drawsPartsOfFrames } from './frame-parts.js';
import { loadedImage, requireUnchanged } from './image-element.js';
import { describeSource, isKind, type PixelSource } from './kinds.js';
import { isSecurityError, noSource, unreadable } from './unreadable.js';
import { frameOf } from './video-element.js';

/** Decoded pixels, and the size in which the page knows the picture. */
export interface DecodedPixels {
  readonly pixels: ImageBitmap | VideoFrame;
  readonly width: number;
  readonly height: number;
}

/** A picture of the moment at which it was taken. */
export interface CapturedPixels {
  /**
   * Resolves once nothing has to be waited for any more (loading, the first frame), with the promise of failing typed:
   * wait for it before taking a place in a queue.
   */
  readonly ready: Promise<void>;
  /** What was taken, decoded; call it once, when `ready` has resolved. The caller closes the pixels. */
  decode(): Promise<DecodedPixels>;
  /** Frees what was taken and not decoded. */
  drop(): void;
}

/** EXIF is obeyed. Transparency is laid over black, the same on the CPU and the GPU. */
const BITMAP: ImageBitmapOptions = { imageOrientation: 'from-image', premultiplyAlpha: 'premultiply' };

/**
 * Takes what a source shows now. What can change or be closed afterwards (canvases, bitmaps, frames, pixels) has been
 * copied when this returns; files do not change, and image elements, whose pixels may be many, are decoded in their turn
 * and refused if they show another picture by then.
 *
 * @throws {InvalidInputError} if it is nothing an image can be read from
 * @throws {UnsupportedDeviceError} where there is no decoder, as in Node
 */
export function capturePixels(source: PixelSource): CapturedPixels {
  if (describeSource(source) === undefined) throw noSource(source);
  if (typeof createImageBitmap !== 'function') {
    throw new UnsupportedDeviceError('Pictures cannot be decoded here: there is no createImageBitmap.', {
      hint: 'Use a browser. Elsewhere decode pictures yourself, and cut crops with warpPixels.',
    });
  }
  if (isKind('HTMLImageElement', source)) return captureElement(source);
  if (isKind('Blob', source) || isKind('File', source)) {
    const decode = () => createImageBitmap(source, BITMAP).then(sized);
    return captured(source, Promise.resolve(), decode, () => {});
  }
  const ended = new AbortController();
  const pixels = isKind('HTMLVideoElement', source)
    ? frameOf(source, () => videoFrame(source), ended.signal)
    : copyOf(source);
  const drop = () => {
    ended.abort();
    pixels.then((copy) => copy.close()).catch(() => undefined);
  };
  return captured(source, pixels, () => pixels.then(sized), drop);
}

/** An image element, decoded in its turn. */
function captureElement(element: HTMLImageElement): CapturedPixels {
  const loaded = loadedImage(element);
  const decode = async () => {
    const shown = await loaded;
    requireUnchanged(element, shown);
    await element.decode();
    requireUnchanged(element, shown);
    const pixels = requireReadable(await createImageBitmap(element, BITMAP));
    // With `srcset` a picture may have more pixels than the page knows it by.
    return { pixels, width: shown.width, height: shown.height };
  };
  return captured(element, loaded, decode, () => {});
}

/** With errors as this SDK's. */
function captured(
  source: PixelSource,
  ready: Promise<unknown>,
  decode: () => Promise<DecodedPixels>,
  drop: () => void,
): CapturedPixels {
  const fail = async (cause: unknown): Promise<never> => {
    throw await unreadable(source, cause);
  };
  const typed = ready.then(() => undefined, fail);
  typed.catch(() => {}); // Awaited later, if at all: until then it would count as unhandled.
  return { ready: typed, decode: () => decode().catch(fail), drop };
}

/** A copy, begun before this returns. */
async function copyOf(
  source: Exclude<PixelSource, Blob | HTMLImageElement | HTMLVideoElement>,
): Promise<ImageBitmap | VideoFrame> {
  if (isKind('VideoFrame', source)) return plainFrame(source.clone());
  const copy = await createImageBitmap(source, BITMAP);
  return isKind('ImageData', source) ? copy : requireReadable(copy);
}

async function videoFrame(video: HTMLVideoElement): Promise<ImageBitmap | VideoFrame> {
  if (typeof VideoFrame === 'function') return plainFrame(new VideoFrame(video));
  return requireReadable(await createImageBitmap(video, BITMAP));
}

/**
 * The frame itself if its pixels are as they are shown and parts of it can be drawn, else a bitmap of it: rotated, with
 * pixels not square, or in a browser that draws frames wrongly.
 */
async function plainFrame(frame: VideoFrame): Promise<ImageBitmap | VideoFrame> {
  const turned = ('rotation' in frame && frame.rotation !== 0) || ('flip' in frame && frame.flip === true);
  const { visibleRect, displayWidth, displayHeight } = frame;
  const square = visibleRect?.width === displayWidth && visibleRect.height === displayHeight;
  if (!turned && square && drawsPartsOfFrames()) return frame;
  try {
    return await createImageBitmap(frame, BITMAP);
  } finally {
    frame.close();
  }
}

/**
 * The bitmap, unless it holds pixels of another origin, which the page may show and not read: reading it later, or posting
 * it to a worker, would fail with an error that says nothing of that.
 *
 * @throws {DOMException} "SecurityError"
 */
function requireReadable(bitmap: ImageBitmap): ImageBitmap {
  try {
    // Frames are refused such pixels when they are made, which costs nothing; else one pixel is read.
    if (typeof VideoFrame === 'function') new VideoFrame(bitmap, { timestamp: 0 }).close();
    else {
      const context = readableCanvas(1, 1);
      context.drawImage(bitmap, 0, 0);
      context.getImageData(0, 0, 1, 1);
    }
    return bitmap;
  } catch (error) {
    if (!isSecurityError(error)) return bitmap;
    bitmap.close();
    throw error;
  }
}

const sized = (pixels: ImageBitmap | VideoFrame): DecodedPixels => {
  const [width, height] = sizeOfPixels(pixels);
  return { pixels, width, height };
};

/** Width and height of a working copy. */
export const sizeOfPixels = (pixels: ImageBitmap | VideoFrame): readonly [number, number] =>
  'displayWidth' in pixels ? [pixels.displayWidth, pixels.displayHeight] : [pixels.width, pixels.height];
