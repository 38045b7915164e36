import {
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
} from '@swinface/core';

/** An error of this SDK as plain data, since cloning keeps neither its class nor its fields. */
interface PackedError {
  readonly code: SwinFaceErrorCode;
  readonly message: string;
  readonly expected: string | undefined;
  readonly actual: string | undefined;
  readonly hint: string | undefined;
  readonly stack: string | undefined;
  readonly cause: Packed | undefined;
}

/** Anything that was thrown, ready to be posted. */
export type Packed = { readonly swinface: PackedError } | { readonly other: unknown };

type ErrorClass = new (message: string, options?: SwinFaceErrorOptions) => SwinFaceError;

const CLASSES: Readonly<Record<Exclude<SwinFaceErrorCode, 'INTERNAL'>, ErrorClass>> = {
  UNSUPPORTED_DEVICE: UnsupportedDeviceError,
  DEVICE_LOST: DeviceLostError,
  WEIGHTS_INVALID: WeightsInvalidError,
  MODEL_DOWNLOAD: ModelDownloadError,
  INVALID_INPUT: InvalidInputError,
  CAMERA: CameraError,
  DISPOSED: DisposedError,
};

/** Deeper causes are left behind; no error here has as many, but a ring of causes has. */
const DEEPEST_CAUSE = 8;

/** Makes what was thrown postable. */
export function packError(error: unknown, depth = 0): Packed {
  if (error instanceof SwinFaceError) {
    const { code, message, expected, actual, hint, stack, cause } = error;
    const packed = cause === undefined || depth === DEEPEST_CAUSE ? undefined : packError(cause, depth + 1);
    return { swinface: { code, message, expected, actual, hint, stack, cause: packed } };
  }
  return { other: postable(error) };
}

/** Makes what was thrown on the other side throwable here: the same class, message and fields. */
export function unpackError(packed: Packed): unknown {
  if ('other' in packed) return packed.other;
  const { code, message, cause, ...fields } = packed.swinface;
  // The message has expected, actual and hint in it already.
  const options = cause === undefined ? {} : { cause: unpackError(cause) };
  const error = code === 'INTERNAL' ? new SwinFaceError(code, message, options) : new CLASSES[code](message, options);
  return Object.assign(error, fields);
}

/** The value if it can be posted, else what can be said about it. */
function postable(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return value instanceof Error ? new Error(`${value.name}: ${value.message}`) : String(value);
  }
}
