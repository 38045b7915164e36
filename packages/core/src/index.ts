export {
  type ExtraTask,
  embeddingLength,
  levelShapes,
  type ModelConfig,
  type OutputSelection,
  type PlacedTask,
  PRESETS,
  placedTasks,
  RECOGNITION,
  type SelectedTask,
  SUBNETS,
  type Subnet,
  selectOutputs,
  stageSize,
  stageWidth,
  type Task,
  type TaskKind,
} from './config.js';
export type { Engine, RawOutputs } from './engine.js';
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
export type { Explanation } from './explain/index.js';
export type * from './model.js';
export { swinFace } from './model.js';
export type * from './ops.js';
export { BATCH_NORM_EPSILON, LAYER_NORM_EPSILON } from './ops.js';
export { type HostTensor, sizeOf } from './tensor.js';
export * from './weights/index.js';
