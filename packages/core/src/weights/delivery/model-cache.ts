/** Name under which the browser keeps models: `caches.delete(MODEL_CACHE)` forgets all of them. */
export const MODEL_CACHE = 'swinface-models';
/** Shards are kept by what they hold, not by where they came from. Never requested: `.invalid` names no host. */
const SHARD_KEY = 'https://swinface.invalid/sha256/';
const STORED_AT = 'x-stored-at';
/** Shards that no manifest names may belong to a download under way, in another tab or taken up tomorrow. */
const GRACE = 24 * 60 * 60 * 1000;

/**
 * Manifests by their address and shards by their hash in the browser's Cache Storage. A cache is a convenience: whatever
 * it has against being used, the model loads without it, and `problem` says what it was.
 */
export class ModelCache {
  #cache: Cache | undefined;
  #problem: string | undefined;
  /** What is being loaded must not make room for itself. */
  #current: { readonly address: string; readonly hashes: ReadonlySet<string> } = { address: '', hashes: new Set() };
  /** Shards are written one after another: where there is no room, the first makes it, or finds out, for all that follow. */
  #writing: Promise<void> = Promise.resolve();

  static async open(): Promise<ModelCache> {
    const opened = new ModelCache();
    // Reading `caches` already throws in a sandboxed frame.
    opened.#cache = await opened.#guard(async () => globalThis.caches?.open(MODEL_CACHE));
    if (!opened.#cache) opened.#problem ??= 'There is no Cache Storage here; pages have one on https and localhost.';
    return opened;
  }

  /** Why nothing more is kept; undefined while all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Text of the manifest that was complete when this address was last loaded. */
  async manifest(address: string): Promise<string | undefined> {
    return this.#use(async (cache) => (await cache.match(address))?.text());
  }

  /** A shard's bytes as they were stored, to be verified. */
  async shard(sha256: string): Promise<Uint8Array | undefined> {
    return this.#use(async (cache) => {
      const response = await cache.match(SHARD_KEY + sha256);
      const bytes = await response?.arrayBuffer().catch(() => undefined);
      if (response && !bytes) await cache.delete(SHARD_KEY + sha256); // Damaged on the disk.
      return bytes && new Uint8Array(bytes);
    });
  }

  async forgetShard(sha256: string): Promise<void> {
    await this.#use((cache) => cache.delete(SHARD_KEY + sha256));
  }

  /** Says what is being loaded, by its manifest's address and its shards' hashes, before they are stored. */
  begin(address: string, hashes: readonly string[]): void {
    this.#current = { address, hashes: new Set(hashes) };
  }

  /** Keeps a verified shard. Where there is no room left, other models make room. */
  storeShard(sha256: string, bytes: Uint8Array): Promise<void> {
    this.#writing = this.#writing.then(() => this.#storeNext(sha256, bytes));
    return this.#writing;
  }

  async #storeNext(sha256: string, bytes: Uint8Array): Promise<void> {
    await this.#use(async (cache) => {
      const put = () => cache.put(SHARD_KEY + sha256, stored(bytes, 'application/octet-stream'));
      try {
        await put();
      } catch (error) {
        if (!isQuotaError(error)) throw error;
        for (const address of await manifests(cache)) {
          if (address !== this.#current.address) await cache.delete(address);
        }
        await this.#evict(cache, 0);
        await put();
      }
    });
  }

  /** Keeps the manifest of a model whose shards are all here, and drops shards that no kept manifest names any more. */
  async complete(address: string, text: string): Promise<void> {
    await this.#use(async (cache) => {
      await cache.put(address, stored(text, 'application/json'));
      await this.#evict(cache, GRACE);
    });
  }

  async #evict(cache: Cache, grace: number): Promise<void> {
    const known = new Set(this.#current.hashes);
    for (const address of await manifests(cache)) {
      const text = await (await cache.match(address))?.text();
      for (const sha256 of hashesOf(text)) known.add(sha256);
    }
    for (const { url } of await cache.keys()) {
      if (!url.startsWith(SHARD_KEY) || known.has(url.slice(SHARD_KEY.length))) continue;
      const storedAt = Number((await cache.match(url))?.headers.get(STORED_AT));
      if (Date.now() - storedAt >= grace) await cache.delete(url);
    }
  }

  async #use<R>(action: (cache: Cache) => Promise<R>): Promise<R | undefined> {
    const cache = this.#cache;
    return cache && this.#guard(() => action(cache));
  }

  /** Private windows, full disks, blocked site data: each refuses in its own way and at its own time. */
  async #guard<R>(action: () => Promise<R>): Promise<R | undefined> {
    try {
      return await action();
    } catch (error) {
      this.#cache = undefined;
      this.#problem ??= isQuotaError(error)
        ? "The browser's storage for this site is full."
        : `The browser's Cache Storage refused: ${error instanceof Error ? error.message : String(error)}`;
      return undefined;
    }
  }
}

function stored(body: Uint8Array | string, type: string): Response {
  const headers = { 'content-type': type, [STORED_AT]: String(Date.now()) };
  return new Response(body as Uint8Array<ArrayBuffer> | string, { headers });
}

/** Addresses of the manifests that a cache keeps. */
async function manifests(cache: Cache): Promise<string[]> {
  return (await cache.keys()).map(({ url }) => url).filter((url) => !url.startsWith(SHARD_KEY));
}

/** Shards that a kept manifest names, of a model or of networks; none where it is damaged, which its next use finds out. */
function hashesOf(manifest: string | undefined): string[] {
  try {
    const { shards, networks } = JSON.parse(manifest ?? '');
    return Object.values<{ sha256: string }>(shards ?? networks).map(({ sha256 }) => sha256);
  } catch {
    return [];
  }
}

const isQuotaError = (error: unknown): boolean => error instanceof Error && error.name === 'QuotaExceededError';
