import type { Box } from '../boxes.js';
import { isBranded, isObject, requireInput } from '../checks.js';
import { InvalidInputError } from '../errors.js';

/**
 * 8-bit pixels, row by row: RGBA (alpha is ignored), RGB or grey, as the number of bytes says. An ImageData is one.
 */
export interface Raster {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A part of a picture, and where its top left pixel lies in it. */
export interface RasterPart extends Raster {
  readonly x: number;
  readonly y: number;
}

/** A picture of which only the pixels that are needed are read. */
export interface RasterSource {
  readonly width: number;
  readonly height: number;
  /** Reads at least `box`: whole numbers inside the picture, not empty. */
  read(box: Box): RasterPart;
}

/**
 * Bytes per pixel: 4, 3 or 1.
 *
 * @throws {InvalidInputError} if the pixels do not fit the size
 */
export function bytesPerPixel(image: Raster): 1 | 3 | 4 {
  requireInput(isObject(image), 'An image', 'an object with data, width and height', image);
  const { data, width, height } = image;
  const areBytes = isBranded(data, 'Uint8Array') || isBranded(data, 'Uint8ClampedArray');
  requireInput(areBytes, 'The data of an image', 'a Uint8Array or Uint8ClampedArray', data);
  for (const side of [width, height])
    requireInput(Number.isInteger(side), 'The size of an image', 'whole numbers', side);
  const bytes = data.length / (width * height);
  if (width >= 1 && height >= 1 && (bytes === 1 || bytes === 3 || bytes === 4)) return bytes;
  throw new InvalidInputError('The pixels do not fit the size of the image.', {
    expected: `4, 3 or 1 bytes for each of ${width} x ${height} pixels`,
    actual: `${data.length} bytes`,
  });
}

/** @throws {InvalidInputError} if the pixels do not fit the size */
export function sourceOf(image: Raster): RasterSource {
  bytesPerPixel(image);
  const whole = { ...image, data: image.data, width: image.width, height: image.height, x: 0, y: 0 };
  return { width: image.width, height: image.height, read: () => whole };
}
