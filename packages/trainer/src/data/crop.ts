import { InvalidInputError } from '@swinface/core';
import { CROP_SIZE, cropSampling, cropTransform, type FivePoints, workingSize } from '@swinface/geometry';
import { cutCrop, type Raster } from '@swinface/geometry/warp';
import sharp from 'sharp';

/**
 * Which square around an aligned face a crop shows: `side` pixels, `scale` of them per pixel of the 112 x 112 template,
 * about the template's centre. `side` 112 and `scale` 1 is the ArcFace crop itself.
 */
export interface CropGeometry {
  readonly side: number;
  readonly scale: number;
  readonly channels: 1 | 3;
}

/** Raise when crops of the same list and geometry come out differently: what was computed from older ones is made again. */
export const CROP_FORMAT = 2;

/** The ArcFace crop, RGB. */
export const ARCFACE_CROP: CropGeometry = Object.freeze({ side: CROP_SIZE, scale: 1, channels: 3 });

/** A decoded picture, upright, as a page decodes it. */
export interface DecodedImage {
  /** Size of the stored image in pixels, upright: points are in these, whatever the size of the working copy. */
  readonly width: number;
  readonly height: number;
  /** The working copy: smaller where the image is beyond the limits of `workingSize`. */
  readonly pixels: Raster;
}

/** Images beyond this many pixels (16,383 squared) are refused; a page's canvas ends there, too. */
const MOST_PIXELS = 0x3fff ** 2;

/**
 * Decodes WebP, JPEG, PNG ... as a page does: turned upright as EXIF says, transparency laid over black, and shrunk where it is
 * larger than a working copy may be, without ever having the whole of it in memory where the format allows.
 *
 * @throws {InvalidInputError} if the bytes are no image, or one of more than 268 million pixels
 */
export async function decodeImage(bytes: Uint8Array, channels: 1 | 3): Promise<DecodedImage> {
  try {
    const image = sharp(bytes, { failOn: 'error', limitInputPixels: MOST_PIXELS, autoOrient: true });
    const { autoOrient: stored } = await image.metadata();
    const [width, height] = workingSize(stored.width, stored.height);
    if (width !== stored.width || height !== stored.height) image.resize(width, height, { fit: 'fill' });
    const { data, info } = await image
      .flatten()
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const pixels = { data: info.channels === channels ? data : repeated(data, channels), width, height };
    return { width: stored.width, height: stored.height, pixels };
  } catch (cause) {
    throw new InvalidInputError('The image cannot be decoded.', {
      expected: `an image of at most ${MOST_PIXELS} pixels`,
      actual: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}

/** Grey pixels as colour, since sharp decodes an image without colours to one channel, whatever it is asked for. */
function repeated(grey: Uint8Array, channels: number): Uint8Array {
  const spread = new Uint8Array(grey.length * channels);
  for (let i = 0; i < spread.length; i++) spread[i] = grey[Math.floor(i / channels)] as number;
  return spread;
}

/**
 * The crop of a face, pixel for pixel what a page cuts out of the same picture.
 *
 * @param points in the pixels of the upright image
 * @returns interleaved, [side, side, C]
 * @throws {InvalidInputError} if the points cannot be aligned
 */
export function cropFace(
  { width, height, pixels }: DecodedImage,
  points: FivePoints,
  { side, scale }: CropGeometry,
): Uint8Array {
  const sampling = cropSampling(cropTransform(points, scale, side), pixels.width / width, pixels.height / height);
  return cutCrop(pixels, sampling, side);
}

/**
 * Writes interleaved 8-bit crops of 112 x 112 as network input: planar, (v - 127.5) / 127.5.
 *
 * @param crop [112, 112, 1 or 3]; grey is repeated.
 * @param mirrored flips left and right.
 * @param out [3, 112, 112] at `offset`.
 */
export function writeInput(crop: Uint8Array, mirrored: boolean, out: Float32Array, offset: number): void {
  const area = CROP_SIZE * CROP_SIZE;
  const channels = crop.length / area;
  for (let row = 0; row < CROP_SIZE; row++) {
    for (let col = 0; col < CROP_SIZE; col++) {
      const from = (row * CROP_SIZE + (mirrored ? CROP_SIZE - 1 - col : col)) * channels;
      const to = offset + row * CROP_SIZE + col;
      for (let c = 0; c < 3; c++) out[to + c * area] = ((crop[from + (channels === 3 ? c : 0)] ?? 0) - 127.5) / 127.5;
    }
  }
}
