import { MIRRORED_LANDMARKS } from '../align/landmarks.js';
import type { VectorTarget } from '../batch.js';
import { type Placement, placePoint } from './augment.js';
import { type CropGeometry, cropToImage } from './crop.js';
import { applySimilarity, type FivePoints, invertSimilarity, TEMPLATE_SIDE } from './similarity.js';

/** Labels of several numbers each, for those faces of a batch that have them. */
export class VectorLabels implements VectorTarget {
  readonly target: Float32Array;
  readonly weight: Float32Array;

  constructor(
    batch: number,
    private readonly width: number,
  ) {
    this.target = new Float32Array(batch * width);
    this.weight = new Float32Array(batch);
  }

  set(slot: number, values: readonly number[]): void {
    this.target.set(values, slot * this.width);
    this.weight[slot] = 1;
  }
}

/**
 * Landmarks where augmentation has moved them, from -1 to 1 across the network's input; mirrored faces have their left
 * and right landmarks exchanged, so that each index keeps its meaning.
 *
 * @param landmarks x, y in the pixels of the stored image
 * @param points of the face in that image
 */
export function placeLandmarks(
  landmarks: readonly number[],
  points: FivePoints,
  geometry: CropGeometry,
  placement: Placement,
): number[] {
  const toCrop = invertSimilarity(cropToImage(points, geometry));
  const half = TEMPLATE_SIDE / 2;
  const count = landmarks.length / 2;
  return Array.from({ length: count }, (_, index) => {
    const from = placement.mirror < 0 ? (MIRRORED_LANDMARKS[index] ?? index) : index;
    const inCrop = applySimilarity(toCrop, [landmarks[2 * from] ?? 0, landmarks[2 * from + 1] ?? 0]);
    return placePoint(inCrop, placement).map((value) => (value + 0.5 - half) / half);
  }).flat();
}
