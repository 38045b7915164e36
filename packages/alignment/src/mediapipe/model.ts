import { type ExpectedFile, fetchAddress, fetchVerified, verifyFile } from '@swinface/core/internal';

/**
 * The one landmark model this code is written for (478 points, version 1 of the float16 bundle). An older file with 468
 * points loads without a complaint and returns garbage, hence the hash.
 */
export const LANDMARK_MODEL = {
  file: 'face_landmarker.task',
  bytes: 3_758_596,
  sha256: '64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff',
} as const satisfies ExpectedFile;

/**
 * Fetches the landmark model, or takes its bytes, and checks that it is the right one.
 *
 * @throws {InvalidInputError} if the address is not one that can be fetched
 * @throws {ModelDownloadError} if it cannot be fetched
 * @throws {WeightsInvalidError} if it is another file
 * @throws {UnsupportedDeviceError} on a page without WebCrypto (http, not localhost)
 */
export async function loadLandmarkModel(
  model: string | URL | Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = model instanceof Uint8Array ? new Uint8Array(model) : await fetchModel(model, signal);
  await verifyFile(LANDMARK_MODEL, bytes);
  return bytes;
}

async function fetchModel(address: string | URL, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
  const url = fetchAddress(address, 'the landmark model', '/assets/face_landmarker.task', 'Give its bytes instead.');
  const hint = `Serve MediaPipe's ${LANDMARK_MODEL.file} at this address.`;
  return new Uint8Array(await fetchVerified(url, LANDMARK_MODEL, { signal, hint }));
}
