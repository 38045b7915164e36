import { ModelDownloadError } from '../../errors.js';
import { type ExpectedFile, findDamage } from '../verify.js';
import { type DownloadOptions, downloadError, tryDownload } from './download.js';
import { fetchVerified } from './fetch-verified.js';
import type { ModelCache } from './model-cache.js';

/** A manifest is a few tens of kilobytes; more than this is something else. */
const MAX_MANIFEST_BYTES = 4 * 2 ** 20;
/** How long to wait for a server's word, in milliseconds, when yesterday's copy of the manifest is at hand. */
const MANIFEST_PATIENCE = 5_000;

/**
 * Text of the server's manifest, or of the kept one where the server cannot be asked.
 *
 * @throws {ModelDownloadError} if neither can be had
 * @throws the signal's reason once it aborts
 */
export async function keptOrFetchedManifest(
  cache: ModelCache | undefined,
  address: URL,
  signal: AbortSignal | undefined,
  hint?: string,
): Promise<{ readonly text: string; readonly offline: boolean }> {
  const kept = await cache?.manifest(address.href);
  const result = await tryDownload(address, {
    limit: MAX_MANIFEST_BYTES,
    signal,
    cache: 'no-cache', // May come from the browser's HTTP cache, but only if the server says that it is still the same.
    ...(kept === undefined ? {} : { attempts: 1, patience: MANIFEST_PATIENCE }),
  });
  if (!(result instanceof Uint8Array)) {
    if (kept === undefined || !result.temporary) throw downloadError(address, result, hint);
    return { text: kept, offline: true };
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(result), offline: false };
  } catch (cause) {
    throw notAManifest(address, JSON.stringify(new TextDecoder().decode(result.subarray(0, 60))), cause);
  }
}

/** @throws {ModelDownloadError} if a manifest's text is not JSON */
export function manifestJson(address: URL, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notAManifest(address, JSON.stringify(text.slice(0, 60)), cause);
  }
}

const notAManifest = (address: URL, actual: string, cause: unknown) =>
  new ModelDownloadError(`${address.href} is not a model manifest.`, {
    expected: 'JSON',
    actual,
    hint: 'Check that the address is right and that the server does not answer missing files with a page.',
    cause,
  });

/**
 * A file's verified bytes, from the cache or the network. Whoever asked keeps what is new.
 *
 * @throws as {@link fetchVerified}
 */
export async function keptOrFetched(
  cache: ModelCache | undefined,
  url: URL,
  expected: ExpectedFile,
  { signal, onProgress, hint }: Pick<DownloadOptions, 'signal' | 'onProgress' | 'hint'>,
): Promise<{ readonly file: Uint8Array; readonly isNew: boolean }> {
  const kept = await cache?.shard(expected.sha256);
  signal?.throwIfAborted();
  if (kept) {
    if (!(await findDamage(expected, kept))) {
      onProgress?.(kept.length);
      return { file: kept, isNew: false };
    }
    await cache?.forgetShard(expected.sha256);
  }
  // What is kept by hash need not be kept a second time in the browser's HTTP cache.
  const mode = cache && cache.problem === undefined ? 'no-store' : 'default';
  return { file: await fetchVerified(url, expected, { signal, cache: mode, onProgress, hint }), isNew: true };
}
