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

/** Literal, since minifiers rename classes: `error.name` is what pages log and match. */
const NAMES: Readonly<Record<SwinFaceErrorCode, string>> = {
  UNSUPPORTED_DEVICE: 'UnsupportedDeviceError',
  DEVICE_LOST: 'DeviceLostError',
  WEIGHTS_INVALID: 'WeightsInvalidError',
  MODEL_DOWNLOAD: 'ModelDownloadError',
  INVALID_INPUT: 'InvalidInputError',
  CAMERA: 'CameraError',
  DISPOSED: 'DisposedError',
  INTERNAL: 'SwinFaceError',
};

/** What an error says beyond its message. */
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
 * Base of every error this SDK throws on purpose (aborts throw the signal's own reason instead). It is defined in the
 * package that all others import, so that `instanceof` and `code` hold wherever an error comes from.
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
    this.name = NAMES[code];
    this.code = code;
    this.expected = options.expected;
    this.actual = options.actual;
    this.hint = options.hint;
  }
}

/** An argument is of the wrong type, size or content. */
export class InvalidInputError extends SwinFaceError {
  constructor(message: string, options?: SwinFaceErrorOptions) {
    super('INVALID_INPUT', message, options);
  }
}
