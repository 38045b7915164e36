import { InvalidInputError } from '@swinface/core';
import sharp from 'sharp';
import {
  ARCFACE_TEMPLATE,
  estimateSimilarity,
  type FivePoints,
  invertSimilarity,
  type Point,
  type Similarity,
  TEMPLATE_SIDE,
} from './similarity.js';

/** Interleaved 8-bit pixels, [H, W, C] with C = 1 (grey) or 3 (RGB). */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/**
 * Which square around an aligned face a crop shows: `side` pixels, `scale` of them per pixel of the 112 x 112 template,
 * about the template's centre. `side` 112 and `scale` 1 is the ArcFace crop itself.
 */
export interface CropGeometry {
  readonly side: number;
  readonly scale: number;
  readonly channels: 1 | 3;
}

/** The ArcFace crop, RGB. */
export const ARCFACE_CROP: CropGeometry = Object.freeze({ side: TEMPLATE_SIDE, scale: 1, channels: 3 });

/**
 * Decodes WebP, JPEG, PNG ... to pixels without alpha.
 *
 * @throws {InvalidInputError} if the bytes are no image.
 */
export async function decodeImage(bytes: Uint8Array, channels: 1 | 3): Promise<Pixels> {
  try {
    const image = sharp(bytes, { failOn: 'error' }).removeAlpha();
    const { data, info } = await image
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels === channels) return { width: info.width, height: info.height, channels, data };
    if (info.channels !== 1) throw new Error(`decoded to ${info.channels} channels`);
    const spread = new Uint8Array(data.length * channels);
    for (let i = 0; i < spread.length; i++) spread[i] = data[Math.floor(i / channels)] ?? 0;
    return { width: info.width, height: info.height, channels, data: spread };
  } catch (cause) {
    throw new InvalidInputError('The image cannot be decoded.', { cause, actual: String(cause) });
  }
}

/** The transform from a crop's pixels to the image's, for a face at `points`. */
export function cropToImage(points: FivePoints, { side, scale }: CropGeometry): Similarity {
  const centre = (TEMPLATE_SIDE - 1) / 2;
  const toCrop = ([x, y]: Point): Point => [
    (x - centre) * scale + (side - 1) / 2,
    (y - centre) * scale + (side - 1) / 2,
  ];
  return invertSimilarity(estimateSimilarity(points, ARCFACE_TEMPLATE.map(toCrop)));
}

/** Index into 0 .. size - 1 mirrored at the edges, so that crops beyond the image show its reflection. */
const reflect = (index: number, size: number): number => {
  if (size === 1) return 0;
  const period = 2 * size - 2;
  const wrapped = ((index % period) + period) % period;
  return wrapped < size ? wrapped : period - wrapped;
};

/**
 * Cuts the crop that `toImage` describes: bilinear, averaging several taps a pixel where the image is finer than the crop.
 * Beyond the image it shows the mirrored image.
 *
 * @returns interleaved pixels, [side, side, C].
 */
export function warpCrop(image: Pixels, toImage: Similarity, side: number): Uint8Array {
  const { width, height, channels, data } = image;
  const { a, b, tx, ty } = toImage;
  // Taps per crop pixel and axis: one bilinear tap covers about one image pixel.
  const taps = Math.min(8, Math.max(1, Math.ceil(Math.hypot(a, b) - 0.25)));
  const weight = 1 / (taps * taps);
  const out = new Uint8Array(side * side * channels);
  const sum = new Float64Array(channels);
  for (let row = 0; row < side; row++) {
    for (let col = 0; col < side; col++) {
      sum.fill(0);
      for (let t = 0; t < taps * taps; t++) {
        const u = col + ((t % taps) + 0.5) / taps - 0.5;
        const v = row + (Math.floor(t / taps) + 0.5) / taps - 0.5;
        const x = a * u - b * v + tx;
        const y = b * u + a * v + ty;
        const x0 = Math.floor(x);
        const y0 = Math.floor(y);
        const dx = x - x0;
        const dy = y - y0;
        const inside = x0 >= 0 && y0 >= 0 && x0 + 1 < width && y0 + 1 < height;
        const left = inside ? x0 : reflect(x0, width);
        const right = inside ? x0 + 1 : reflect(x0 + 1, width);
        const top = (inside ? y0 : reflect(y0, height)) * width;
        const bottom = (inside ? y0 + 1 : reflect(y0 + 1, height)) * width;
        for (let c = 0; c < channels; c++) {
          const upper =
            (data[(top + left) * channels + c] ?? 0) * (1 - dx) + (data[(top + right) * channels + c] ?? 0) * dx;
          const lower =
            (data[(bottom + left) * channels + c] ?? 0) * (1 - dx) + (data[(bottom + right) * channels + c] ?? 0) * dx;
          sum[c] = (sum[c] ?? 0) + (upper * (1 - dy) + lower * dy) * weight;
        }
      }
      for (let c = 0; c < channels; c++) out[(row * side + col) * channels + c] = Math.round(sum[c] ?? 0);
    }
  }
  return out;
}

/**
 * Writes interleaved 8-bit crops of 112 x 112 as network input: planar, (v - 127.5) / 127.5.
 *
 * @param crop [112, 112, 1 or 3]; grey is repeated.
 * @param mirrored flips left and right.
 * @param out [3, 112, 112] at `offset`.
 */
export function writeInput(crop: Uint8Array, mirrored: boolean, out: Float32Array, offset: number): void {
  const area = TEMPLATE_SIDE * TEMPLATE_SIDE;
  const channels = crop.length / area;
  for (let row = 0; row < TEMPLATE_SIDE; row++) {
    for (let col = 0; col < TEMPLATE_SIDE; col++) {
      const from = (row * TEMPLATE_SIDE + (mirrored ? TEMPLATE_SIDE - 1 - col : col)) * channels;
      const to = offset + row * TEMPLATE_SIDE + col;
      for (let c = 0; c < 3; c++) out[to + c * area] = ((crop[from + (channels === 3 ? c : 0)] ?? 0) - 127.5) / 127.5;
    }
  }
}
