import { ModelDownloadError, UnsupportedDeviceError, WeightsInvalidError } from '@swinface/core';

/**
 * The one landmark model this code is written for (478 points, float16, version 1). An older file with 468 points loads
 * without a complaint and returns garbage, hence the hash.
 */
export const LANDMARK_MODEL = {
  file: 'face_landmarker.task',
  bytes: 3_758_596,
  sha256: '64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff',
} as const;

/**
 * Fetches the landmark model, or takes its bytes, and checks that it is the right one.
 *
 * @throws {ModelDownloadError} if it cannot be fetched
 * @throws {WeightsInvalidError} if it is another file
 * @throws {UnsupportedDeviceError} on a page without WebCrypto (http, not localhost)
 */
export async function loadLandmarkModel(
  model: string | URL | Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = model instanceof Uint8Array ? new Uint8Array(model) : await download(model, signal);
  if (bytes.length !== LANDMARK_MODEL.bytes) {
    throw wrongFile(`${LANDMARK_MODEL.bytes} bytes`, `${bytes.length} bytes`);
  }
  const { subtle } = globalThis.crypto;
  if (!subtle) {
    throw new UnsupportedDeviceError('This page cannot verify the landmark model: it has no WebCrypto.', {
      hint: 'Serve it over https or from localhost.',
    });
  }
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (sha256 !== LANDMARK_MODEL.sha256) throw wrongFile(`SHA-256 ${LANDMARK_MODEL.sha256}`, sha256);
  return bytes;
}

async function download(url: string | URL, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
  const failed = (reason: string, cause?: unknown): ModelDownloadError =>
    new ModelDownloadError(`The landmark model could not be loaded from ${url}: ${reason}.`, {
      hint: `Serve MediaPipe's ${LANDMARK_MODEL.file} at this address.`,
      cause,
    });
  try {
    const response = await fetch(url, signal ? { signal } : {});
    if (!response.ok) throw failed(`the server answered ${response.status} ${response.statusText}`.trim());
    if (response.headers.get('content-type')?.startsWith('text/html')) throw failed('the server answered with a page');
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof ModelDownloadError ? cause : failed('the request failed', cause);
  }
}

function wrongFile(expected: string, actual: string): WeightsInvalidError {
  return new WeightsInvalidError(`This is not the ${LANDMARK_MODEL.file} that the locator was made for.`, {
    expected,
    actual,
    hint: 'Use version 1 of the float16 face landmarker bundle.',
  });
}
