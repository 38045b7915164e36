import { at } from '@swinface/core/internal';
import { applySimilarity, CROP_SIZE, cropTransform, type FivePoints } from '@swinface/geometry';
import type { VectorTarget } from '../tasks/batch.js';
import { MIRRORED_LANDMARKS } from '../tasks/landmarks.js';
import { type Placement, placePoint } from './augment.js';
import type { CropGeometry } from './crop.js';

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
  { side, scale }: CropGeometry,
  placement: Placement,
): number[] {
  const toCrop = cropTransform(points, scale, side);
  const half = CROP_SIZE / 2;
  const count = landmarks.length / 2;
  return Array.from({ length: count }, (_, index) => {
    const from = placement.mirror < 0 ? (MIRRORED_LANDMARKS[index] ?? index) : index;
    const inCrop = applySimilarity(toCrop, [at(landmarks, 2 * from), at(landmarks, 2 * from + 1)]);
    return placePoint(inCrop, placement).map((value) => (value - half) / half);
  }).flat();
}
