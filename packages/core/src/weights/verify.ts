import { isBranded, requireInput } from '@swinface/geometry';
import { UnsupportedDeviceError, WeightsInvalidError } from '../errors.js';
import type { ManifestShard } from './manifest-types.js';

/** A file by its name, its size and its hash. */
export type ExpectedFile = Pick<ManifestShard, 'file' | 'bytes' | 'sha256'>;

/**
 * What hashes files.
 *
 * @throws {UnsupportedDeviceError} on a page without WebCrypto
 */
export function hashing(): SubtleCrypto {
  const { subtle } = globalThis.crypto ?? {};
  if (subtle) return subtle;
  throw new UnsupportedDeviceError(
    'This page is not a secure context, and without one model files cannot be verified.',
    {
      expected: 'a page over https or from localhost, which alone have WebCrypto (and WebGPU and the camera)',
      actual: globalThis.location?.origin ?? 'no crypto.subtle',
    },
  );
}

/**
 * Lower-case hexadecimal SHA-256.
 *
 * @throws {UnsupportedDeviceError} on a page without WebCrypto (plain http, not localhost)
 * @throws {InvalidInputError} if these are not bytes
 */
export async function sha256(bytes: Uint8Array): Promise<string> {
  requireInput(isBranded(bytes, 'Uint8Array'), 'The argument "bytes"', 'a Uint8Array', bytes);
  const digest = await hashing().digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Checks a file's size and hash.
 *
 * @throws {WeightsInvalidError} if it is not the expected one
 */
export async function verifyFile(expected: ExpectedFile, file: Uint8Array): Promise<void> {
  const damage = await findDamage(expected, file);
  if (damage) throw damage;
}

/** As {@link verifyFile}, for callers who can get the file again. */
export async function findDamage(expected: ExpectedFile, file: Uint8Array): Promise<WeightsInvalidError | undefined> {
  if (file.length !== expected.bytes) {
    return new WeightsInvalidError(`${expected.file} has the wrong size.`, {
      expected: `${expected.bytes} bytes`,
      actual: `${file.length} bytes`,
    });
  }
  const digest = await sha256(file);
  if (digest === expected.sha256) return undefined;
  return new WeightsInvalidError(`${expected.file} was changed or damaged: its SHA-256 is not the expected one.`, {
    expected: expected.sha256,
    actual: digest,
  });
}
