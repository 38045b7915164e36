export {
  CameraError,
  DeviceLostError,
  DisposedError,
  InvalidInputError,
  ModelDownloadError,
  SwinFaceError,
  type SwinFaceErrorCode,
  UnsupportedDeviceError,
  WeightsInvalidError,
} from '@swinface/core';
export { FaceAnalyzer } from './analyzer.js';
export type * from './types.js';
