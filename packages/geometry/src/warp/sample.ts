import type { Box } from '../boxes.js';
import { isObject, isVector, requireInput, requireNumbers } from '../checks.js';
import type { CropSampling } from '../crop.js';
import { bytesPerPixel, type RasterPart, type RasterSource } from './raster.js';

/** Planes [channels, side, side] in 0..255. */
export interface SampledCrop {
  readonly channels: 1 | 3;
  readonly planes: Float32Array;
}

/** Of a crop, in pixels: beyond it is somebody's mistake. */
const MOST_SIDE = 8192;

/**
 * Cuts one crop out of a picture as {@link CropSampling} describes, reading only the pixels that it covers.
 *
 * @param side of the crop in pixels
 * @throws {InvalidInputError} if an argument is not what its type says, or pixels that the source gives do not fit their size
 */
export function sampleCrop(source: RasterSource, sampling: CropSampling, side: number): SampledCrop {
  requireNumbers('The source of a crop', source, ['width', 'height']);
  requireInput(typeof source.read === 'function', 'The "read" of a crop\'s source', 'a function', source.read);
  const isSampling = isObject(sampling) && isVector(sampling.rows) && sampling.rows.length === 6;
  requireInput(isSampling, 'The sampling of a crop', 'what `cropSampling` gives', sampling);
  requireInput(Number.isInteger(sampling.block) && sampling.block > 0, 'Its block', 'a whole number', sampling.block);
  requireInput(Number.isInteger(side) && side > 0 && side <= MOST_SIDE, 'The side', `pixels up to ${MOST_SIDE}`, side);
  const { block } = sampling;
  const blocks = blocksOf(sampling, side, source);
  const x = blocks.x * block;
  const y = blocks.y * block;
  const covered = {
    x,
    y,
    width: Math.min(source.width - x, blocks.width * block),
    height: Math.min(source.height - y, blocks.height * block),
  };
  const part = source.read(covered);
  const pixelBytes = bytesPerPixel(part);
  const channels = pixelBytes === 1 ? 1 : 3;
  const means = blockMeans(part, pixelBytes, channels, covered, block, blocks);
  const size = { width: count(source.width, block), height: count(source.height, block) };
  return { channels, planes: sampleMeans({ means, channels }, blocks, size, sampling, side) };
}

/** How many blocks a picture has in a row, one that its edge cuts included. */
const count = (pixels: number, block: number): number => Math.ceil(pixels / block);

/** The block that shows at `index`: the row of blocks is mirrored at both of its ends. */
function mirrored(index: number, blocks: number): number {
  if (index >= 0 && index < blocks) return index;
  const turn = ((index % (2 * blocks)) + 2 * blocks) % (2 * blocks);
  return turn < blocks ? turn : 2 * blocks - 1 - turn;
}

/** The blocks, counted from the picture's corner, that a crop reads from. */
function blocksOf({ rows, block }: CropSampling, side: number, size: { width: number; height: number }): Box {
  const [xx, xy, x0, yx, yy, y0] = rows;
  const reach = (u: number, v: number, from: number, pixels: number): [first: number, count: number] => {
    const low = from + Math.min(0, u * side) + Math.min(0, v * side);
    const high = from + Math.max(0, u * side) + Math.max(0, v * side);
    const begin = Math.floor(low / block - 0.5);
    const end = Math.floor(high / block - 0.5) + 1;
    const blocks = count(pixels, block);
    let [first, last] = [blocks, 0];
    // After a turn there and back everything was seen.
    for (let step = 0; step <= Math.min(end - begin, 2 * blocks); step++) {
      first = Math.min(first, mirrored(begin + step, blocks));
      last = Math.max(last, mirrored(begin + step, blocks));
    }
    return [first, last - first + 1];
  };
  const [x, width] = reach(xx, xy, x0, size.width);
  const [y, height] = reach(yx, yy, y0, size.height);
  return { x, y, width, height };
}

/**
 * Mean of each block, 0..255. A block that the picture's edge cuts is the mean of the pixels it has.
 *
 * @param covered the pixels of the picture that the blocks consist of
 * @returns [blocks.height, blocks.width, channels]
 */
function blockMeans(
  part: RasterPart,
  pixelBytes: number,
  channels: number,
  covered: Box,
  block: number,
  blocks: Box,
): Float32Array {
  const { data } = part;
  const means = new Float32Array(channels * blocks.width * blocks.height);
  const line = pixelBytes * part.width;
  for (let row = 0, to = 0; row < blocks.height; row++) {
    const top = row * block;
    const bottom = Math.min(covered.height, top + block);
    for (let column = 0; column < blocks.width; column++) {
      const left = column * block;
      const right = Math.min(covered.width, left + block);
      const share = 1 / ((right - left) * (bottom - top));
      const begin = (covered.y - part.y + top) * line + (covered.x - part.x + left) * pixelBytes;
      const length = (right - left) * pixelBytes;
      for (let channel = 0; channel < channels; channel++, to++) {
        let sum = 0;
        for (let from = begin + channel; from < begin + (bottom - top) * line; from += line) {
          for (let at = from; at < from + length; at += pixelBytes) sum += data[at] as number;
        }
        means[to] = sum * share;
      }
    }
  }
  return means;
}

/**
 * Reads block means bilinearly at every pixel of the crop.
 *
 * @param blocks those that `means` has
 * @param size of the picture in blocks
 */
function sampleMeans(
  { means, channels }: { means: Float32Array; channels: number },
  blocks: Box,
  size: { width: number; height: number },
  { rows, block }: CropSampling,
  side: number,
): Float32Array {
  const [xx, xy, x0, yx, yy, y0] = rows;
  const area = side * side;
  const planes = new Float32Array(channels * area);
  const columnAt = (index: number): number => channels * (mirrored(index, size.width) - blocks.x);
  const rowAt = (index: number): number => channels * blocks.width * (mirrored(index, size.height) - blocks.y);
  for (let j = 0, to = 0; j < side; j++) {
    for (let i = 0; i < side; i++, to++) {
      const u = (xx * (i + 0.5) + xy * (j + 0.5) + x0) / block - 0.5;
      const v = (yx * (i + 0.5) + yy * (j + 0.5) + y0) / block - 0.5;
      const [left, right] = [columnAt(Math.floor(u)), columnAt(Math.floor(u) + 1)];
      const [top, bottom] = [rowAt(Math.floor(v)), rowAt(Math.floor(v) + 1)];
      const dx = u - Math.floor(u);
      const dy = v - Math.floor(v);
      for (let channel = 0; channel < channels; channel++) {
        const above =
          (means[top + left + channel] as number) * (1 - dx) + (means[top + right + channel] as number) * dx;
        const below =
          (means[bottom + left + channel] as number) * (1 - dx) + (means[bottom + right + channel] as number) * dx;
        planes[channel * area + to] = above * (1 - dy) + below * dy;
      }
    }
  }
  return planes;
}
