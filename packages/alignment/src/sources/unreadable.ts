import { InvalidInputError, SwinFaceError } from '@swinface/core';
import { describeValue, isBranded, isObject } from '@swinface/geometry';
import { describeSource, isKind } from './kinds.js';

/** What pictures are taken from, for errors. */
export const EXPECTED_SOURCE =
  'a Blob or File with an image, ImageBitmap, ImageData, VideoFrame, or an image, canvas or video element';

/** For a value that is no picture at all. */
export const noSource = (value: unknown): InvalidInputError =>
  new InvalidInputError('This is nothing an image can be read from.', {
    expected: EXPECTED_SOURCE,
    actual: describeValue(value),
  });

/** For a picture that cannot be used as it is. @param hint what to do about it */
export const unusable = (source: unknown, reason: string, hint = ''): InvalidInputError =>
  new InvalidInputError(`The image could not be read: ${reason}.`, {
    expected: EXPECTED_SOURCE,
    actual: describeSource(source) ?? describeValue(source),
    hint,
  });

/** The error for what a browser threw at a picture; errors of this SDK stay as they are. */
export async function unreadable(source: unknown, cause: unknown): Promise<SwinFaceError> {
  if (cause instanceof SwinFaceError) return cause;
  const isHeic = (isKind('Blob', source) || isKind('File', source)) && (await holdsHeic(source));
  const hint = isHeic
    ? 'Convert it to JPEG first; iPhones take JPEG with Settings, Camera, Formats, "Most Compatible".'
    : isSecurityError(cause)
      ? 'It is from another origin: serve it from this one, or with CORS headers and crossOrigin="anonymous" on the element.'
      : '';
  const reason = isHeic
    ? 'it is a HEIC picture, as phones take them, which this browser cannot decode'
    : isSecurityError(cause)
      ? 'pages may not read pixels that came from another origin'
      : messageOf(cause);
  return new InvalidInputError(`The image could not be read: ${reason}.`, {
    expected: EXPECTED_SOURCE,
    actual: describeSource(source) ?? describeValue(source),
    hint,
    cause,
  });
}

/** Brands of HEIF files whose pictures are coded in HEVC. */
const HEIC_BRANDS = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs'];
/** Brands of HEIF files that say nothing of the coding; AVIF files may have them, and list `avif` besides. */
const HEIF_BRANDS = ['mif1', 'msf1'];

/** Whether a file is HEIC, by its first box: size, "ftyp", major brand, version, compatible brands. */
async function holdsHeic(file: Blob): Promise<boolean> {
  const head = await file
    .slice(0, 64)
    .arrayBuffer()
    .catch(() => new ArrayBuffer(0)); // Of a file that is gone from the disk.
  const text = String.fromCharCode(...new Uint8Array(head));
  if (text.slice(4, 8) !== 'ftyp') return false;
  const brands: readonly string[] = text.slice(8).match(/.{4}/gs) ?? [];
  if (brands.includes('avif') || brands.includes('avis')) return false;
  return [...HEIC_BRANDS, ...HEIF_BRANDS].some((brand) => brands.includes(brand));
}

const messageOf = (cause: unknown): string =>
  isObject(cause) && typeof cause.message === 'string' ? cause.message.replace(/\.$/, '') : describeValue(cause);

/** Pixels of another origin were read. */
export const isSecurityError = (cause: unknown): boolean =>
  isObject(cause) && isBranded(cause, 'DOMException') && cause.name === 'SecurityError';
