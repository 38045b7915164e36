export type { Box } from './boxes.js';
export { intersectionOverUnion } from './boxes.js';
export { chooseLocator, type LocatorChoice, type LocatorOptions } from './choose.js';
export type { FaceApiOptions } from './face-api/locator.js';
export { type DecodeOptions, type ImageSource, UprightImage } from './image.js';
export { MediaPipeLocator, type MediaPipeOptions } from './mediapipe/locator.js';
export {
  ARCFACE_TEMPLATE,
  applySimilarity,
  CROP_SIZE,
  composeSimilarities,
  cropTransform,
  estimateSimilarity,
  invertSimilarity,
  type Similarity,
} from './similarity.js';
export type { FaceLocator, FivePoints, LandmarkModel, LocatedFace, LocateOptions, Point } from './types.js';
export { GpuWarp, type UploadedImage, type WarpCommand, type WarpSource } from './warp/gpu.js';
