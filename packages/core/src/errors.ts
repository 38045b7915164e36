/** Stable machine-readable reasons; messages may be reworded, codes may not. */
export type SwinFaceErrorCode =
  | 'UNSUPPORTED_DEVICE'
  | 'DEVICE_LOST'
  | 'WEIGHTS_INVALID'
  | 'MODEL_DOWNLOAD'
  | 'INVALID_INPUT'
  | 'CAMERA'
  | 'DISPOSED'
  | 'INTERNAL';

/** What an error tells beyond its message. */
export interface SwinFaceErrorOptions {
  /** What would have been accepted. */
  readonly expected?: string;
  /** What came instead. */
  readonly actual?: string;
  /** What the caller can do about it. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * Base of every error this SDK throws on purpose (aborts throw the signal's own reason instead).
 *
 * @example
 * try { await FaceAnalyzer.create({ model }) } catch (error) {
 *   if (error instanceof SwinFaceError && error.code === 'MODEL_DOWNLOAD') offerRetry(error.message);
 * }
 */
export class SwinFaceError extends Error {
  readonly code: SwinFaceErrorCode;
  readonly expected: string | undefined;
  readonly actual: string | undefined;
  readonly hint: string | undefined;

  constructor(code: SwinFaceErrorCode, message: string, options: SwinFaceErrorOptions = {}) {
    const details = [
      options.expected === undefined ? '' : ` Expected ${options.expected}.`,
      options.actual === undefined ? '' : ` Got ${options.actual}.`,
      options.hint === undefined ? '' : ` ${options.hint}`,
    ].join('');
    super(message + details, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.expected = options.expected;
    this.actual = options.actual;
    this.hint = options.hint;
  }
}

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

/** An argument is of the wrong type, size or content. */
export class InvalidInputError extends SwinFaceError {
  constructor(message: string, options?: SwinFaceErrorOptions) {
    super('INVALID_INPUT', message, options);
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
