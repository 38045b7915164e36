import {
  applySimilarity,
  CROP_SIZE,
  cropTransform,
  type FivePoints,
  invertSimilarity,
  type LocatedFace,
} from '@swinface/alignment';
import type { Manifest, RawOutputs } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { decodeOutputs, type FaceAnalysis, type FaceQuality, headPose } from '@swinface/postprocessing';
import type { CropGroup } from '../backends/crops.js';
import type { Face } from '../types.js';

/** A face before its analysis; from a locator or from points that the caller gave. */
export type FoundFace = Pick<LocatedFace, 'box' | 'points'> & Partial<LocatedFace>;

/**
 * Faces from points alone.
 *
 * @throws {InvalidInputError} if points cannot be aligned, since they coincide or are no face
 */
export function facesFromPoints(points: readonly FivePoints[]): readonly FoundFace[] {
  return points.map((face) => {
    const cropToSource = invertSimilarity(cropTransform(face));
    const corners = [0, CROP_SIZE].flatMap((x) => [0, CROP_SIZE].map((y) => applySimilarity(cropToSource, [x, y])));
    const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    return { box: { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y }, points: face };
  });
}

/**
 * The results of one face from the outputs of all crop groups.
 *
 * @param outputs one per group
 * @param index row of the outputs
 */
export function analysisOf(
  manifest: Manifest,
  groups: readonly CropGroup[],
  outputs: readonly RawOutputs[],
  index: number,
): FaceAnalysis {
  const parts = groups.map(({ selection }, group) => decodeOutputs(manifest, selection, at(outputs, group), index));
  const [first, ...others] = parts;
  if (!first) throw new RangeError('Nothing was computed for this face');
  let whole = first;
  for (const part of others) {
    whole = {
      ...whole,
      ...part,
      attributes: { ...whole.attributes, ...part.attributes },
      attributeProbabilities: { ...whole.attributeProbabilities, ...part.attributeProbabilities },
      extra: { ...whole.extra, ...part.extra },
    };
  }
  return whole;
}

/** A face with its analysis, head pose, quality and model. */
export const faceOf = (found: FoundFace, analysis: FaceAnalysis, quality: FaceQuality, model: string): Face => ({
  ...found,
  ...analysis,
  pose: headPose(found),
  quality,
  model,
});
