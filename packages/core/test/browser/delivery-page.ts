import {
  type Delivery,
  type FetchModelOptions,
  fetchModel,
  MODEL_CACHE,
  networkOf,
  RemoteModel,
  selectOutputs,
} from '@swinface/core';
import { requestDevice, WebGpuEngine } from '@swinface/core/webgpu';

/** How loading ended, in a form that leaves the page. */
export interface Outcome {
  readonly delivery?: Delivery;
  /** SHA-256 over all tensors in order of their names. */
  readonly digest?: string;
  readonly id?: string;
  /** Reported bytes, in the order of the reports. */
  readonly loaded: readonly number[];
  readonly error?: { readonly name: string; readonly code: string; readonly message: string };
}

/** Times in milliseconds since the model was asked for. */
export interface FirstAnswer {
  readonly embedding: readonly number[];
  /** When each pipeline was begun. */
  readonly pipelines: readonly number[];
  /** When each kernel's weights were on the GPU. */
  readonly uploads: readonly number[];
  /** When the last byte was here. */
  readonly arrived: number;
  readonly compiled: number;
  readonly answered: number;
  /** Durations of tasks of more than 50 ms. */
  readonly tasks: readonly number[];
}

const hex = (buffer: ArrayBuffer) =>
  [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const calls = {
  /** Loads the model. @param abortAt bytes from which on it is aborted */
  async load(
    options: Pick<FetchModelOptions, 'outputs' | 'cache'> = {},
    abortAt = Number.POSITIVE_INFINITY,
  ): Promise<Outcome> {
    const loaded: number[] = [];
    const abort = new AbortController();
    try {
      const model = await fetchModel('/models/model.json', {
        ...options,
        signal: abort.signal,
        onProgress: (progress) => {
          loaded.push(progress.loaded);
          if (progress.loaded >= abortAt) abort.abort();
        },
      });
      const parts = [...model.weights].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { data }]) => data);
      const all = await new Blob(parts as Float32Array<ArrayBuffer>[]).arrayBuffer();
      const digest = hex(await crypto.subtle.digest('SHA-256', all));
      return { loaded, digest, id: model.manifest.id, ...(model.delivery ? { delivery: model.delivery } : {}) };
    } catch (error) {
      const { name, code, message } = error as { name: string; code: string; message: string };
      return { loaded, error: { name, code, message } };
    }
  },

  /** From an address to the first answer on this thread, and what kept the page waiting meanwhile. */
  async firstAnswer(): Promise<FirstAnswer> {
    const tasks: number[] = [];
    const observer = new PerformanceObserver((list) =>
      tasks.push(...list.getEntries().map(({ duration }) => duration)),
    );
    observer.observe({ type: 'longtask' });
    const start = performance.now();
    const now = () => performance.now() - start;
    const model = await RemoteModel.open('/models/model.json');
    const { device } = await requestDevice();
    const pipelines: number[] = [];
    const create = device.createComputePipelineAsync.bind(device);
    device.createComputePipelineAsync = (descriptor) => {
      pipelines.push(now());
      return create(descriptor);
    };
    const network = networkOf(selectOutputs(model.manifest.config));
    let arrived = 0;
    const uploads: number[] = [];
    const engine = await WebGpuEngine.compile({
      device,
      network,
      weights: model.read({
        onProgress: ({ loaded, total }) => {
          if (loaded === total) arrived = now();
        },
      }),
      maxFaces: 1,
      onProgress: () => uploads.push(now()),
    });
    const compiled = now();
    const { embedding } = await engine.run(new Float32Array(3 * 112 * 112), 1);
    const answered = now();
    engine.dispose();
    device.destroy();
    await new Promise((resolve) => setTimeout(resolve, 200)); // Long tasks are told late.
    observer.disconnect();
    return { embedding: [...(embedding ?? [])], pipelines, uploads, arrived, compiled, answered, tasks };
  },

  /** What the cache holds: address and bytes. */
  async kept(): Promise<[address: string, bytes: number][]> {
    const cache = await caches.open(MODEL_CACHE);
    const entries = (await cache.keys()).map(async ({ url }): Promise<[string, number]> => {
      const body = await (await cache.match(url))?.arrayBuffer();
      return [url, body?.byteLength ?? 0];
    });
    return Promise.all(entries);
  },

  /** Changes a byte of a kept shard, as a bad disk would. */
  async damage(sha256: string): Promise<void> {
    const cache = await caches.open(MODEL_CACHE);
    const [key] = (await cache.keys()).filter(({ url }) => url.endsWith(sha256));
    if (!key) throw new Error('That shard is not kept.');
    const body = new Uint8Array((await (await cache.match(key))?.arrayBuffer()) ?? []);
    body[100] = (body[100] ?? 0) ^ 1;
    await cache.put(key, new Response(body));
  },

  /** Makes every kept shard look as old as this many milliseconds. */
  async age(milliseconds: number): Promise<void> {
    const cache = await caches.open(MODEL_CACHE);
    for (const key of await cache.keys()) {
      const response = await cache.match(key);
      const headers = new Headers(response?.headers);
      headers.set('x-stored-at', String(Date.now() - milliseconds));
      await cache.put(key, new Response(await response?.arrayBuffer(), { headers }));
    }
  },

  /** Puts something else of the same site into the cache's place for models. */
  async keepStranger(address: string, text: string): Promise<void> {
    await (await caches.open(MODEL_CACHE)).put(address, new Response(text));
  },
};

/** What the tests call in the page. */
export type DeliveryCalls = typeof calls;
Object.assign(globalThis, { delivery: calls });
