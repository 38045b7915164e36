/**
 * Where things are in a picture, the same in Node, in a worker and on a page. One convention holds throughout, see
 * {@link Point}: coordinates are continuous, pixel centres lie on .5.
 *
 * @module
 */
export {
  type Box,
  boundingBox,
  centreOf,
  checkBox,
  intersectionOverUnion,
  meanSide,
  squareAround,
  suppressOverlaps,
} from './boxes.js';
export { describeValue, isBranded, isObject, isVector, requireInput, requireNumbers } from './checks.js';
export { ARCFACE_TEMPLATE, CROP_LENGTH, CROP_SIZE, type CropSampling, cropSampling, cropTransform } from './crop.js';
export { InvalidInputError, SwinFaceError, type SwinFaceErrorCode, type SwinFaceErrorOptions } from './errors.js';
export type { FivePoints, Point } from './points.js';
export {
  applySimilarity,
  composeSimilarities,
  estimateSimilarity,
  invertSimilarity,
  type Similarity,
} from './similarity.js';
export { type WorkingLimits, workingSize } from './working-size.js';
