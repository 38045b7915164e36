import { CROP_SIZE, cropTransform, type UprightImage } from '@swinface/alignment';
import { warpImage } from '@swinface/alignment/warp';
import { at } from '@swinface/core/internal';
import { type FaceAnalysis, type FaceQuality, headPose } from '@swinface/postprocessing';
import { faceQuality } from '@swinface/postprocessing/quality';
import type { FoundFace } from './results.js';

/**
 * How well a face can be recognised, by its place, by the crop that the network sees, and by what the network makes of it.
 * Loaded beside the model, since it is needed only once faces are found.
 */
export function qualityOf(
  image: UprightImage,
  face: FoundFace,
  { recognisability }: Pick<FaceAnalysis, 'recognisability'>,
): FaceQuality {
  const planes = warpImage(image, [cropTransform(face.points)]);
  const pixels = CROP_SIZE * CROP_SIZE;
  const data = new Uint8ClampedArray(4 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let channel = 0; channel < 3; channel++) {
      data[4 * i + channel] = (at(planes, channel * pixels + i) + 1) * 127.5;
    }
    data[4 * i + 3] = 255;
  }
  const crop = { data, width: CROP_SIZE, height: CROP_SIZE };
  return faceQuality({
    box: face.box,
    pose: headPose(face),
    crop,
    ...(recognisability !== undefined && { recognisability }),
  });
}
