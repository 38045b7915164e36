import { SwinFaceError, type SwinFaceErrorOptions } from '@swinface/geometry';

export {
  InvalidInputError,
  SwinFaceError,
  type SwinFaceErrorCode,
  type SwinFaceErrorOptions,
} from '@swinface/geometry';

/** The machine has no adapter, or lacks a limit or feature the engine needs. */
export class UnsupportedDeviceError extends SwinFaceError {
  constructor(message: string, options?: SwinFaceErrorOptions) {
    super('UNSUPPORTED_DEVICE', message, options);
  }
}

/** The GPU device went away (driver reset, sleep, another tab); create the analyzer again. */
export class DeviceLostError extends SwinFaceError {
  constructor(message: string, options?: SwinFaceErrorOptions) {
    super('DEVICE_LOST', message, options);
  }
}

/** A manifest or weight file is malformed, incomplete, tampered with, or does not fit its config. */
export class WeightsInvalidError extends SwinFaceError {
  constructor(message: string, options?: SwinFaceErrorOptions) {
    super('WEIGHTS_INVALID', message, options);
  }
}

/** A model file could not be fetched. */
export class ModelDownloadError extends SwinFaceError {
  constructor(message: string, options?: SwinFaceErrorOptions) {
    super('MODEL_DOWNLOAD', message, options);
  }
}

/** The camera gives no more frames: unplugged, taken by another program, or its permission revoked. */
export class CameraError extends SwinFaceError {
  constructor(message: string, options?: SwinFaceErrorOptions) {
    super('CAMERA', message, options);
  }
}

/** The object was used after `dispose()`. */
export class DisposedError extends SwinFaceError {
  constructor(message: string, options?: SwinFaceErrorOptions) {
    super('DISPOSED', message, options);
  }
}
