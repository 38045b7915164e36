export {
  type ExtraTask,
  embeddingLength,
  type FaceConfig,
  type MobileFaceConfig,
  type MobileFaceStage,
  type MobileFaceTrunk,
  type ModelConfig,
  type OutputSelection,
  type PlacedTask,
  PRESETS,
  placedTasks,
  RECOGNITION,
  type SelectedTask,
  SUBNETS,
  type Subnet,
  type SwinConfig,
  selectOutputs,
  type Task,
  type TaskKind,
} from './config.js';
export {
  CameraError,
  DeviceLostError,
  DisposedError,
  InvalidInputError,
  ModelDownloadError,
  SwinFaceError,
  type SwinFaceErrorCode,
  type SwinFaceErrorOptions,
  UnsupportedDeviceError,
  WeightsInvalidError,
} from './errors.js';
export { type Engine, type NetworkResults, type RawOutputs, rawOutputs } from './executors/engine.js';
export type { Explanation } from './explain/index.js';
export { networkOf, tensorShapes } from './networks/index.js';
export {
  arrange,
  disarrange,
  type Network,
  type NetworkOutput,
  type Recipe,
  type Shape,
  type WeightMap,
} from './networks/network.js';
export type { HeadWeights, SubnetWeights, SwinFace, SwinFaceOptions } from './networks/swinface.js';
export type {
  Level,
  MobileFaceRecognitionWeights,
  RecognitionWeights,
  SwinRecognitionWeights,
} from './networks/trunk.js';
export type * from './ops.js';
export { BATCH_NORM_EPSILON, LAYER_NORM_EPSILON, pyramidBlocks, windowedSides } from './ops.js';
export { type HostTensor, sizeOf } from './tensor.js';
export * from './weights/index.js';
