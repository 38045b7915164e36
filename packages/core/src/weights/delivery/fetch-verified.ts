import { type ExpectedFile, findDamage, verifyFile } from '../verify.js';
import { type DownloadOptions, download } from './download.js';

/**
 * Fetches a file whose size and hash are known. A damaged one is fetched once more, past every cache: one on the way may
 * hold a damaged copy, or parts of two versions may have met.
 *
 * @throws {ModelDownloadError} if it cannot be had
 * @throws {WeightsInvalidError} if what came is another file
 * @throws the signal's reason once it aborts
 */
export async function fetchVerified(
  url: URL,
  expected: ExpectedFile,
  options: Pick<DownloadOptions, 'signal' | 'cache' | 'onProgress' | 'hint'>,
): Promise<Uint8Array> {
  const { bytes } = expected;
  const file = await download(url, { ...options, limit: bytes, bytes });
  if (!(await findDamage(expected, file))) return file;
  const again = await download(url, { ...options, limit: bytes, bytes, cache: 'reload' });
  await verifyFile(expected, again);
  return again;
}
