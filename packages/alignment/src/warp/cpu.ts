import { CROP_LENGTH, CROP_SIZE, cropSampling, type Similarity } from '@swinface/geometry';
import { type RasterSource, sampleCrop, writeNormalized } from '@swinface/geometry/warp';
import type { UprightImage } from '../image.js';

/**
 * `warpPixels` on a decoded image, reading only the pixels that the faces cover.
 *
 * @param sourceToCrop one transform per face, as `cropTransform` gives it
 * @returns RGB in [-1, 1], [faces, 3, 112, 112]
 * @throws {InvalidInputError} if a transform is not invertible
 */
export function warpImage(image: UprightImage, sourceToCrop: readonly Similarity[]): Float32Array {
  const source = rasterOf(image);
  const crops = new Float32Array(sourceToCrop.length * CROP_LENGTH);
  for (const [face, transform] of sourceToCrop.entries()) {
    const crop = sampleCrop(source, cropSampling(transform, image.scaleX, image.scaleY), CROP_SIZE);
    writeNormalized(crop, crops.subarray(face * CROP_LENGTH, (face + 1) * CROP_LENGTH));
  }
  return crops;
}

/** A decoded image as a source that reads only the pixels that are needed. */
export function rasterOf(image: UprightImage): RasterSource {
  const [width, height] = image.pixelSize;
  return {
    width,
    height,
    read: (box) => {
      const { data, width, height } = image.readPixels(box);
      return { data, width, height, x: box.x, y: box.y };
    },
  };
}
