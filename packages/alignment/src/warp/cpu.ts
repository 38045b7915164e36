import { InvalidInputError } from '@swinface/core';
import type { Box } from '../boxes.js';
import type { UprightImage } from '../image.js';
import { CROP_SIZE, type Similarity } from '../similarity.js';
import { CROP_LENGTH, type CropSampling, cropSampling } from './sampling.js';

/** RGBA bytes, row by row; an ImageData is one. Alpha is ignored. */
export interface RgbaPixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * Cuts aligned crops out of an image and normalises them to what the network takes, v / 127.5 - 1; outside is black.
 *
 * @param sourceToCrop one transform per face, as `cropTransform` gives it
 * @returns RGB in [-1, 1], [faces, 3, 112, 112]
 * @throws {InvalidInputError} if the pixels do not fit the size or a transform is not invertible
 */
export function warpPixels(image: RgbaPixels, sourceToCrop: readonly Similarity[]): Float32Array {
  if (image.width < 1 || image.height < 1 || image.data.length !== 4 * image.width * image.height) {
    throw new InvalidInputError('The pixels do not fit the size of the image.', {
      expected: `4 x ${image.width} x ${image.height} bytes`,
      actual: `${image.data.length} bytes`,
    });
  }
  const crops = new Float32Array(sourceToCrop.length * CROP_LENGTH);
  for (const [face, transform] of sourceToCrop.entries()) {
    const sampling = cropSampling(transform);
    const blocks = blocksOf(sampling, image.width, image.height);
    const means = blockMeans(image, { x: 0, y: 0 }, sampling.block, blocks);
    sampleCrop(means, blocks, sampling, crops.subarray(face * CROP_LENGTH, (face + 1) * CROP_LENGTH));
  }
  return crops;
}

/**
 * `warpPixels` on a decoded image, reading only the pixels that the faces cover.
 *
 * @returns RGB in [-1, 1], [faces, 3, 112, 112]
 */
export function warpImage(image: UprightImage, sourceToCrop: readonly Similarity[]): Float32Array {
  const [width, height] = image.pixelSize;
  const crops = new Float32Array(sourceToCrop.length * CROP_LENGTH);
  for (const [face, transform] of sourceToCrop.entries()) {
    const sampling = cropSampling(transform, image.scaleX, image.scaleY);
    const { block } = sampling;
    const blocks = blocksOf(sampling, width, height);
    const x = blocks.x * block;
    const y = blocks.y * block;
    const right = Math.min(width, x + blocks.width * block);
    const bottom = Math.min(height, y + blocks.height * block);
    const crop = crops.subarray(face * CROP_LENGTH, (face + 1) * CROP_LENGTH);
    if (right <= x || bottom <= y) {
      crop.fill(-1);
      continue;
    }
    const part = image.readPixels({ x, y, width: right - x, height: bottom - y });
    sampleCrop(blockMeans(part, { x, y }, block, blocks), blocks, sampling, crop);
  }
  return crops;
}

/** The blocks, counted from the picture's corner, that a crop reads from; none outside the picture. */
function blocksOf({ rows, block }: CropSampling, width: number, height: number): Box {
  const [xx, xy, x0, yx, yy, y0] = rows;
  const reach = (u: number, v: number, from: number, size: number): [number, number] => {
    const low = from + Math.min(0, u * CROP_SIZE) + Math.min(0, v * CROP_SIZE);
    const high = from + Math.max(0, u * CROP_SIZE) + Math.max(0, v * CROP_SIZE);
    const first = Math.max(0, Math.floor(low / block - 0.5));
    return [first, Math.max(0, Math.min(Math.ceil(size / block), Math.floor(high / block - 0.5) + 2) - first)];
  };
  const [x, w] = reach(xx, xy, x0, width);
  const [y, h] = reach(yx, yy, y0, height);
  return { x, y, width: w, height: h };
}

/**
 * Mean of each block, in 0..255.
 *
 * @param origin where `part` begins in the picture; a multiple of `block`
 * @returns RGB interleaved, [blocks.height, blocks.width, 3]
 */
function blockMeans(part: RgbaPixels, origin: { x: number; y: number }, block: number, blocks: Box): Float32Array {
  const { data, width, height } = part;
  const means = new Float32Array(3 * blocks.width * blocks.height);
  const share = 1 / (block * block);
  let to = 0;
  for (let row = 0; row < blocks.height; row++) {
    const top = (blocks.y + row) * block - origin.y;
    const bottom = Math.min(height, top + block);
    for (let column = 0; column < blocks.width; column++, to += 3) {
      const left = (blocks.x + column) * block - origin.x;
      const right = Math.min(width, left + block);
      let [red, green, blue] = [0, 0, 0];
      for (let y = top; y < bottom; y++) {
        for (let at = 4 * (y * width + left); at < 4 * (y * width + right); at += 4) {
          red += data[at] ?? 0;
          green += data[at + 1] ?? 0;
          blue += data[at + 2] ?? 0;
        }
      }
      means[to] = red * share;
      means[to + 1] = green * share;
      means[to + 2] = blue * share;
    }
  }
  return means;
}

/** Reads the block means bilinearly at every pixel of the crop. */
function sampleCrop(means: Float32Array, blocks: Box, { rows, block }: CropSampling, crop: Float32Array): void {
  const [xx, xy, x0, yx, yy, y0] = rows;
  const plane = CROP_SIZE * CROP_SIZE;
  const inside = (column: number, row: number): boolean =>
    column >= 0 && column < blocks.width && row >= 0 && row < blocks.height;
  for (let j = 0, to = 0; j < CROP_SIZE; j++) {
    for (let i = 0; i < CROP_SIZE; i++, to++) {
      const u = (xx * (i + 0.5) + xy * (j + 0.5) + x0) / block - 0.5 - blocks.x;
      const v = (yx * (i + 0.5) + yy * (j + 0.5) + y0) / block - 0.5 - blocks.y;
      const column = Math.floor(u);
      const row = Math.floor(v);
      let [red, green, blue] = [0, 0, 0];
      for (let corner = 0; corner < 4; corner++) {
        const dx = corner & 1;
        const dy = corner >> 1;
        if (!inside(column + dx, row + dy)) continue;
        const weight = (dx ? u - column : 1 - u + column) * (dy ? v - row : 1 - v + row);
        const at = 3 * ((row + dy) * blocks.width + column + dx);
        red += weight * (means[at] ?? 0);
        green += weight * (means[at + 1] ?? 0);
        blue += weight * (means[at + 2] ?? 0);
      }
      crop[to] = red / 127.5 - 1;
      crop[to + plane] = green / 127.5 - 1;
      crop[to + 2 * plane] = blue / 127.5 - 1;
    }
  }
}
