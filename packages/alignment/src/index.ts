export {
  ARCFACE_TEMPLATE,
  applySimilarity,
  type Box,
  CROP_SIZE,
  composeSimilarities,
  cropTransform,
  estimateSimilarity,
  type FivePoints,
  intersectionOverUnion,
  invertSimilarity,
  type Point,
  type Similarity,
} from '@swinface/geometry';
export type { BlazeFaceOptions } from './blazeface/networks.js';
export { chooseLocator, type LocatorChoice, type LocatorOptions } from './choose.js';
export type { FaceApiOptions } from './face-api/locator.js';
export { type CapturedImage, type DecodeOptions, type ImageSource, UprightImage } from './image.js';
export type { MediaPipeOptions } from './mediapipe/locator.js';
export type { PixelSource } from './sources/kinds.js';
export { isEmptied, videoFailure } from './sources/video-element.js';
export type { FaceLocator, LandmarkModel, LocatedFace, LocateOptions } from './types.js';
export { GpuWarp, type UploadedImage, type WarpCommand, type WarpSource } from './warp/gpu.js';
