import { selectOutputs } from '../../config.js';
import { InvalidInputError, ModelDownloadError } from '../../errors.js';
import type { WeightMap } from '../assemble.js';
import { parseManifest } from '../manifest.js';
import type { Manifest, ManifestShard } from '../manifest-types.js';
import { findDamage, readStored, type StoredWeights, verifyShard, widen } from '../read.js';
import { download, downloadError, tryDownload } from './download.js';
import { inOrder } from './in-order.js';
import { ModelCache } from './model-cache.js';
import { neededShards } from './needed.js';

/** Bytes of weights here so far, whether fetched or kept from an earlier visit, and in all. */
export interface LoadProgress {
  readonly loaded: number;
  readonly total: number;
}

/** How a model's files came. */
export interface Delivery {
  /** Bytes of weights that crossed the network; 0 where all were kept from an earlier visit. */
  readonly fetched: number;
  /** Bytes of weights that were kept from an earlier visit. */
  readonly cached: number;
  /** True where the manifest, too, is from an earlier visit, because the server could not be asked. */
  readonly offline: boolean;
  /** Why nothing, or not all, is kept for the next visit; absent where it is. */
  readonly notKept?: string;
}

/** What {@link RemoteModel.open} may be told. */
export interface OpenModelOptions {
  /** False keeps nothing in the browser's Cache Storage, and looks for nothing there. Default true. */
  readonly cache?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What {@link RemoteModel.read} may be told. */
export interface ReadModelOptions {
  /** Names of the outputs whose weights are wanted; files with nothing for them are not fetched. All by default. */
  readonly outputs?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** A manifest is a few tens of kilobytes; more than this is something else. */
const MAX_MANIFEST_BYTES = 4 * 2 ** 20;
/** How long to wait for a server's word, in milliseconds, when yesterday's copy of the manifest is at hand. */
const MANIFEST_PATIENCE = 5_000;
/** Shards on their way at once; with one more, the most that are in memory before somebody takes them. */
const PARALLEL = 4;

/**
 * A model whose manifest is here and whose weights are read when they are needed, and as often as they are: the first
 * time over the network, later from the browser's Cache Storage, where verified files are kept by their hash.
 *
 * @example
 * const model = await RemoteModel.open('/models/swinface-nano.json');
 * const selection = selectOutputs(model.manifest.config, ['Recognition']);
 * const weights = model.read({ outputs: ['Recognition'] });
 * const engine = await WebGpuEngine.compile({ device, selection, weights, maxFaces: 1 }); // uploads them as they come
 */
export class RemoteModel {
  readonly manifest: Manifest;
  readonly #address: URL;
  readonly #text: string;
  readonly #offline: boolean;
  readonly #cache: ModelCache | undefined;
  #fetched = 0;
  #cached = 0;

  private constructor(address: URL, text: string, offline: boolean, cache: ModelCache | undefined) {
    this.manifest = readManifest(address, text);
    this.#address = address;
    this.#text = text;
    this.#offline = offline;
    this.#cache = cache;
    cache?.begin(address.href, this.manifest);
  }

  /**
   * Fetches and checks a manifest: the server's, or that of the last visit where the server cannot be asked.
   *
   * @throws {ModelDownloadError} if it cannot be fetched or is something else (an HTML error page, say)
   * @throws {WeightsInvalidError} if it came but cannot be trusted
   * @throws {InvalidInputError} if the address is not a URL
   * @throws the signal's reason once it aborts
   */
  static async open(url: string | URL, { cache, signal }: OpenModelOptions = {}): Promise<RemoteModel> {
    const address = manifestAddress(url);
    signal?.throwIfAborted();
    const kept = cache === false ? undefined : await ModelCache.open();
    const { text, offline } = await fetchManifest(address, kept, signal);
    return new RemoteModel(address, text, offline, kept);
  }

  /** How the shards came that were read so far. */
  get delivery(): Delivery {
    const notKept = this.#cache ? this.#cache.problem : 'The caller wants nothing kept.';
    const found = { fetched: this.#fetched, cached: this.#cached, offline: this.#offline };
    return notKept === undefined ? found : { ...found, notKept };
  }

  /**
   * Checked tensors, shard by shard in the manifest's order, up to four shards being fetched ahead of the one that is
   * taken. What comes is checked completely (size, SHA-256, shapes, finiteness) before it is kept or handed out. Broken
   * downloads are taken up where they broke.
   *
   * @throws {ModelDownloadError} if a shard cannot be fetched or is something else
   * @throws {WeightsInvalidError} if a shard came but cannot be trusted
   * @throws {InvalidInputError} if an output's name is unknown
   * @throws the signal's reason once it aborts; shards that were complete by then are kept
   */
  async *read({ outputs, signal, onProgress }: ReadModelOptions = {}): AsyncGenerator<StoredWeights, void, undefined> {
    const needed = neededShards(this.manifest, selectOutputs(this.manifest.config, outputs));
    const total = needed.reduce((sum, { shard }) => sum + shard.bytes, 0);
    const received = needed.map(() => 0);
    const storing: Promise<void>[] = [];
    yield* inOrder(needed, PARALLEL, signal, async ({ shard, index }, position, either) => {
      const { file, isNew } = await this.#shard(shard, either, (bytes) => {
        const before = received[position] ?? 0;
        if (bytes <= before) return; // A shard that had to be begun again.
        received[position] = bytes;
        onProgress?.({ loaded: received.reduce((sum, part) => sum + part, 0), total });
      });
      if (isNew) this.#fetched += file.length;
      else this.#cached += file.length;
      if (isNew && this.#cache) storing.push(this.#cache.storeShard(shard.sha256, file));
      return readStored(this.manifest, index, file);
    });
    await Promise.all(storing);
    if (!this.#offline) await this.#cache?.complete(this.#address.href, this.#text);
  }

  /**
   * All tensors of {@link read} as float32, by checkpoint name.
   *
   * @throws as {@link read}
   */
  load(options?: ReadModelOptions): Promise<WeightMap> {
    return widen(this.read(options));
  }

  /** A shard's verified bytes, from the cache or the network. */
  async #shard(
    shard: ManifestShard,
    signal: AbortSignal,
    onProgress: (received: number) => void,
  ): Promise<{ readonly file: Uint8Array; readonly isNew: boolean }> {
    const cache = this.#cache;
    const kept = await cache?.shard(shard.sha256);
    signal.throwIfAborted();
    if (kept) {
      if (!(await findDamage(shard, kept))) {
        onProgress(kept.length);
        return { file: kept, isNew: false };
      }
      await cache?.forgetShard(shard.sha256);
    }
    const { bytes } = shard;
    const fetchFile = (mode: RequestCache) =>
      download(new URL(shard.file, this.#address), { limit: bytes, bytes, signal, cache: mode, onProgress });
    // What is kept by hash need not be kept a second time in the browser's HTTP cache.
    const file = await fetchFile(cache && cache.problem === undefined ? 'no-store' : 'default');
    if (!(await findDamage(shard, file))) return { file, isNew: true };
    // Once more past every cache: one on the way may hold a damaged copy, or parts of two versions may have met.
    const again = await fetchFile('reload');
    await verifyShard(shard, again);
    return { file: again, isNew: true };
  }
}

function manifestAddress(url: string | URL): URL {
  try {
    const address = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    address.hash = '';
    return address;
  } catch (cause) {
    throw new InvalidInputError('The model address is not a URL.', {
      expected: 'the address of a manifest, such as "/models/swinface-nano.json"',
      actual: JSON.stringify(String(url)),
      cause,
    });
  }
}

/** The server's manifest, or the kept one where the server cannot be asked. */
async function fetchManifest(
  address: URL,
  cache: ModelCache | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly text: string; readonly offline: boolean }> {
  const kept = await cache?.manifest(address.href);
  const result = await tryDownload(address, {
    limit: MAX_MANIFEST_BYTES,
    signal,
    cache: 'no-cache', // May come from the browser's HTTP cache, but only if the server says that it is still the same.
    ...(kept === undefined ? {} : { attempts: 1, patience: MANIFEST_PATIENCE }),
  });
  if (!(result instanceof Uint8Array)) {
    if (kept === undefined || !result.temporary) throw downloadError(address, result);
    return { text: kept, offline: true };
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(result), offline: false };
  } catch (cause) {
    throw notAManifest(address, JSON.stringify(new TextDecoder().decode(result.subarray(0, 60))), cause);
  }
}

function readManifest(address: URL, text: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw notAManifest(address, JSON.stringify(text.slice(0, 60)), cause);
  }
  return parseManifest(json);
}

const notAManifest = (address: URL, actual: string, cause: unknown) =>
  new ModelDownloadError(`${address.href} is not a model manifest.`, {
    expected: 'JSON',
    actual,
    hint: 'Check that the address is right and that the server does not answer missing files with a page.',
    cause,
  });
