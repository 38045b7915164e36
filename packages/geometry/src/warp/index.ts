/** Aligned crops cut on the CPU: apart from the rest, which a page that cuts them on the GPU does not load. */
import { isBranded, isObject, requireInput } from '../checks.js';
import { CROP_LENGTH, CROP_SIZE, type CropSampling, cropSampling } from '../crop.js';
import type { Similarity } from '../similarity.js';
import { type Raster, sourceOf } from './raster.js';
import { type SampledCrop, sampleCrop } from './sample.js';

export type { Raster, RasterPart, RasterSource } from './raster.js';
export { type SampledCrop, sampleCrop } from './sample.js';

/**
 * Cuts aligned crops out of an image and normalises them to what the network takes, v / 127.5 - 1. Outside, the image
 * is mirrored.
 *
 * @param sourceToCrop one transform per face, as `cropTransform` gives it
 * @returns RGB in [-1, 1], [faces, 3, 112, 112]; grey is repeated
 * @throws {InvalidInputError} if the pixels do not fit the size or a transform is not invertible
 */
export function warpPixels(image: Raster, sourceToCrop: readonly Similarity[]): Float32Array {
  const source = sourceOf(image);
  requireInput(Array.isArray(sourceToCrop), 'The argument "sourceToCrop"', 'a list of transforms', sourceToCrop);
  const crops = new Float32Array(sourceToCrop.length * CROP_LENGTH);
  for (const [face, transform] of sourceToCrop.entries()) {
    const crop = sampleCrop(source, cropSampling(transform), CROP_SIZE);
    writeNormalized(crop, crops.subarray(face * CROP_LENGTH, (face + 1) * CROP_LENGTH));
  }
  return crops;
}

/**
 * Writes a sampled crop as the network takes it.
 *
 * @param target receives RGB in [-1, 1], [3, side, side]; grey is repeated
 * @throws {InvalidInputError} unless these are a crop and a Float32Array
 */
export function writeNormalized(crop: SampledCrop, target: Float32Array): void {
  requireInput(isBranded(target, 'Float32Array'), 'The argument "target"', 'a Float32Array', target);
  const isCrop = isObject(crop) && isBranded(crop.planes, 'Float32Array');
  requireInput(isCrop, 'The argument "crop"', 'what `sampleCrop` gives', crop);
  const { channels, planes } = crop;
  const plane = target.length / 3;
  for (let to = 0; to < target.length; to++)
    target[to] = (planes[channels === 1 ? to % plane : to] as number) / 127.5 - 1;
}

/**
 * Cuts an aligned crop as pixels, for those who keep it: the same crop as {@link warpPixels}, rounded to bytes.
 *
 * @param sampling as `cropSampling` gives it for a transform to crops of this side
 * @param side of the crop in pixels
 * @returns interleaved, [side, side, C]: grey from a grey image, else RGB
 * @throws {InvalidInputError} if the pixels do not fit the size
 */
export function cutCrop(image: Raster, sampling: CropSampling, side: number): Uint8Array {
  const { channels, planes } = sampleCrop(sourceOf(image), sampling, side);
  const area = side * side;
  const pixels = new Uint8Array(channels * area);
  for (let to = 0; to < pixels.length; to++) {
    pixels[to] = Math.round(planes[(to % channels) * area + Math.floor(to / channels)] as number);
  }
  return pixels;
}
