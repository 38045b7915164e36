import { requireInput } from '@swinface/geometry';
import { fetchAddress } from '../../address.js';
import { selectOutputs } from '../../config.js';
import type { WeightMap } from '../../networks/network.js';
import { inOrder } from '../in-order.js';
import { parseManifest } from '../manifest.js';
import type { Manifest } from '../manifest-types.js';
import { neededShards } from '../needed.js';
import { readStored, type StoredWeights, widen } from '../read.js';
import { hashing } from '../verify.js';
import { keptOrFetched, keptOrFetchedManifest, manifestJson } from './kept.js';
import { ModelCache } from './model-cache.js';

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

/** Options of {@link RemoteModel.open}. */
export interface OpenModelOptions {
  /** False keeps nothing in the browser's Cache Storage, and looks for nothing there. Default true. */
  readonly cache?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link RemoteModel.read}. */
export interface ReadModelOptions {
  /** Names of the outputs whose weights are wanted; files with nothing for them are not fetched. All by default. */
  readonly outputs?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** Shards on their way at once; with one more, the most that are in memory before the caller takes them. */
const PARALLEL = 4;

/**
 * A model whose manifest is here and whose weights are read when they are needed, and as often as they are: the first
 * time over the network, later from the browser's Cache Storage, where verified files are kept by their hash.
 *
 * @example
 * const model = await RemoteModel.open('/models/swinface-mobile.json');
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
    this.manifest = parseManifest(manifestJson(address, text));
    this.#address = address;
    this.#text = text;
    this.#offline = offline;
    this.#cache = cache;
    cache?.begin(
      address.href,
      this.manifest.shards.map(({ sha256 }) => sha256),
    );
  }

  /**
   * Fetches and checks a manifest: the server's, or that of the last visit where the server cannot be asked.
   *
   * @throws {ModelDownloadError} if it cannot be fetched or is something else (an HTML error page, say)
   * @throws {WeightsInvalidError} if it came but cannot be trusted
   * @throws {InvalidInputError} if the address is not one that can be fetched
   * @throws {UnsupportedDeviceError} on a page that is not a secure context, where nothing can be verified
   * @throws the signal's reason once it aborts
   */
  static async open(url: string | URL, options: OpenModelOptions = {}): Promise<RemoteModel> {
    const address = manifestAddress(url);
    requireInput(typeof options === 'object' && options !== null, 'The argument "options"', 'an object', options);
    const { cache, signal } = options;
    hashing(); // Before anything is fetched: whatever else then fails would hide the reason.
    signal?.throwIfAborted();
    const kept = cache === false ? undefined : await ModelCache.open();
    const { text, offline } = await keptOrFetchedManifest(kept, address, signal);
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
      const { file, isNew } = await keptOrFetched(this.#cache, new URL(shard.file, this.#address), shard, {
        signal: either,
        onProgress: (bytes) => {
          const before = received[position] ?? 0;
          if (bytes <= before) return; // A shard that had to be begun again.
          received[position] = bytes;
          onProgress?.({ loaded: received.reduce((sum, part) => sum + part, 0), total });
        },
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
}

function manifestAddress(address: string | URL): URL {
  const hint = 'A model on disk is read in Node by readModelFile of @swinface/core/node.';
  const url = fetchAddress(address, 'the model', '/models/swinface-mobile.json', hint);
  url.hash = '';
  return url;
}
