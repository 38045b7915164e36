import {
  arrange,
  fetchModel,
  InvalidInputError,
  ModelDownloadError,
  networkOf,
  PRESETS,
  type SwinFaceError,
  selectOutputs,
  WeightsInvalidError,
} from '@swinface/core';
import { syntheticTensor, syntheticWeights } from '@swinface/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { backoff, retryAfter } from '../../src/weights/delivery/backoff.js';
import { PartialBody } from '../../src/weights/delivery/partial-body.js';
import { manyShards, type ServedModel } from '../delivery/model.js';
import { listen, ModelServer } from '../delivery/server.js';
import { TINY } from '../tfjs/tiny.js';

const config = PRESETS['swinface-nano'];
let model: ServedModel;
let models: ModelServer;
let server: Awaited<ReturnType<typeof listen>>;
/** The trunk's shard: every choice of outputs needs it. */
let trunk: { file: string; bytes: number };

beforeAll(async () => {
  model = await manyShards(config);
  models = new ModelServer(model);
  server = await listen(models);
  trunk = model.manifest.shards[0] as { file: string; bytes: number };
});
afterAll(() => server.close());
afterEach(() => {
  models.reset();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const total = () => [...model.files.values()].reduce((sum, { length }) => sum + length, 0);
const requestsOf = (file: string) => models.trace.filter((exchange) => exchange.file === file);
const failure = (promise: Promise<unknown>): Promise<SwinFaceError> =>
  promise.then(
    () => Promise.reject(new Error('It came through.')),
    (error) => error,
  );

describe('a whole model', () => {
  test('comes in parallel, at most four shards at once, and every byte once', async () => {
    expect(model.manifest.shards.length).toBeGreaterThan(10);
    const loaded = await fetchModel(server.url);
    for (const [name, { shape }] of Object.entries(model.manifest.tensors)) {
      const { data } = loaded.weights.get(name) ?? { data: new Float32Array() };
      expect(Buffer.from(data.buffer).equals(Buffer.from(syntheticTensor(name, shape).data.buffer)), name).toBe(true);
    }
    expect(models.weightBytes).toBe(total());
    expect(models.trace).toHaveLength(1 + model.manifest.shards.length);
    expect(models.mostOpen).toBeLessThanOrEqual(4);
    expect(loaded.delivery).toEqual({
      fetched: total(),
      cached: 0,
      offline: false,
      notKept: expect.stringMatching(/no Cache Storage/),
    });
  });

  test('reports bytes that only grow, up to all of them', async () => {
    models.fail(trunk.file, { cutAfter: 100_000 }, { ignoreRange: true });
    const progress: number[] = [];
    await fetchModel(server.url, {
      onProgress: ({ loaded, total: all }) => progress.push(loaded) && expect(all).toBe(total()),
    });
    expect(progress.at(-1)).toBe(total());
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  });
});

describe('outputs that were chosen', () => {
  test.each([
    { outputs: ['Recognition'], shards: 2 },
    { outputs: ['Age'], shards: 2 },
    { outputs: ['Age', 'Young', 'Recognition'], shards: 3 },
    { outputs: ['Eyeglasses', 'Smiling'], shards: 3 },
  ])('$outputs need $shards shards, and only those are fetched', async ({ outputs, shards }) => {
    const { weights, delivery } = await fetchModel(server.url, { outputs });
    const fetched = models.trace.slice(1).map(({ file }) => file);
    expect(fetched).toHaveLength(shards);
    expect(fetched).toContain(trunk.file);
    expect(delivery?.fetched).toBe(models.weightBytes);
    expect(models.weightBytes).toBeLessThan(total());
    arrange(networkOf(selectOutputs(config, outputs)), weights); // throws where a tensor is missing
  });

  test('an unknown name is refused before any shard is fetched', async () => {
    expect(await failure(fetchModel(server.url, { outputs: ['Mood'] }))).toBeInstanceOf(InvalidInputError);
    expect(models.trace).toHaveLength(1);
  });

  test.each([['Recognition'], ['Age'], ['Young', 'Smiling'], undefined].map((names) => ({ names })))(
    'the tensors that $names need are exactly those that are looked at',
    ({ names }) => {
      const network = networkOf(selectOutputs(TINY, names));
      const looked = new Set<string>();
      const spy = new Map<string, { shape: readonly number[]; data: Float32Array }>();
      const all = syntheticWeights(TINY);
      spy.get = (name) => {
        looked.add(name);
        return all.get(name);
      };
      arrange(network, spy);
      expect([...network.tensors.keys()].sort()).toEqual([...looked].sort());
    },
  );
});

describe('a connection that breaks', () => {
  test('is taken up where it broke, for the same file only', async () => {
    models.fail(trunk.file, { cutAfter: 200_000 }, { cutAfter: 100_000 });
    const { weights } = await fetchModel(server.url, { outputs: ['Recognition'] });
    const [first, second, third, ...more] = requestsOf(trunk.file);
    expect(more).toEqual([]);
    expect(first).toMatchObject({ status: 200, bytes: 200_000 });
    expect(second).toMatchObject({ status: 206, range: 'bytes=200000-', ifRange: expect.stringMatching(/^"/) });
    expect(third).toMatchObject({ status: 206, range: 'bytes=300000-', bytes: trunk.bytes - 300_000 });
    expect(weights.get('backbone.layers.3.blocks.0.mlp.fc2.weight')).toEqual(
      syntheticTensor('backbone.layers.3.blocks.0.mlp.fc2.weight', [192, 768]),
    );
  });

  test('begins again where the server knows no ranges', async () => {
    models.fail(trunk.file, { cutAfter: 200_000 }, { ignoreRange: true });
    await fetchModel(server.url, { outputs: ['Recognition'] });
    expect(requestsOf(trunk.file).map(({ status, bytes }) => [status, bytes])).toEqual([
      [200, 200_000],
      [200, trunk.bytes],
    ]);
  });

  test('goes on without a validator, since the hash decides', async () => {
    models.etags = false;
    models.fail(trunk.file, { cutAfter: 200_000 });
    await fetchModel(server.url, { outputs: ['Recognition'] });
    const [, second] = requestsOf(trunk.file);
    expect(second).toMatchObject({ status: 206, range: 'bytes=200000-', bytes: trunk.bytes - 200_000 });
    expect(second?.ifRange).toBeUndefined();
  });

  test('parts of two versions that met are found by the hash, and fetched again whole', async () => {
    models.etags = false;
    models.fail(trunk.file, { cutAfter: 200_000 }, { flip: 300_000 });
    await fetchModel(server.url, { outputs: ['Recognition'] });
    expect(requestsOf(trunk.file).map(({ status, range }) => [status, range])).toEqual([
      [200, undefined],
      [206, 'bytes=200000-'],
      [200, undefined],
    ]);
  });

  test('before the first byte is tried again', async () => {
    models.fail('model.json', { refuse: true });
    models.fail(trunk.file, { refuse: true }, { refuse: true });
    await fetchModel(server.url, { outputs: ['Recognition'] });
    expect(requestsOf(trunk.file)).toHaveLength(3);
  });

  test('again and again is given up, saying what happened', async () => {
    models.fail(trunk.file, ...Array<{ refuse: true }>(9).fill({ refuse: true }));
    const error = await failure(fetchModel(server.url, { outputs: ['Recognition'] }));
    expect(error).toBeInstanceOf(ModelDownloadError);
    expect(error.message).toMatch(/safetensors could not be loaded: the connection failed/);
    expect(error.cause).toBeInstanceOf(Error);
    expect(requestsOf(trunk.file)).toHaveLength(4);
  });

  test('but goes on for as long as every attempt brings something', async () => {
    const steps = 7;
    models.fail(trunk.file, ...Array<{ cutAfter: number }>(steps).fill({ cutAfter: 70_000 }));
    await fetchModel(server.url, { outputs: ['Recognition'] });
    expect(requestsOf(trunk.file).map(({ range }) => range)).toEqual(
      Array.from({ length: steps + 1 }, (_, i) => (i === 0 ? undefined : `bytes=${70_000 * i}-`)),
    );
  });

  test('without a word is given up after half a minute and taken up', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true, toFake: ['setTimeout', 'clearTimeout'] });
    models.fail(trunk.file, { stallAfter: 200_000 });
    const loading = fetchModel(server.url, { outputs: ['Recognition'] });
    await vi.waitFor(() => expect(requestsOf(trunk.file)[0]?.bytes).toBe(200_000));
    await new Promise((resolve) => setImmediate(resolve));
    for (let s = 0; s < 40; s++) await vi.advanceTimersByTimeAsync(1000);
    await loading;
    expect(requestsOf(trunk.file)[1]).toMatchObject({ status: 206, range: 'bytes=200000-' });
  });
});

describe('a server that answers something else', () => {
  test.each([408, 429, 500, 502, 503])('%i may pass', async (status) => {
    models.fail(trunk.file, { status });
    await fetchModel(server.url, { outputs: ['Recognition'] });
    expect(requestsOf(trunk.file).map((exchange) => exchange.status)).toEqual([status, 200]);
  });

  test.each([400, 401, 403, 404, 410])('%i does not', async (status) => {
    models.fail(trunk.file, { status });
    const error = await failure(fetchModel(server.url, { outputs: ['Recognition'] }));
    expect(error).toBeInstanceOf(ModelDownloadError);
    expect(error.message).toContain(`the server answered ${status}`);
    expect(requestsOf(trunk.file)).toHaveLength(1);
  });

  test('Retry-After is waited for', async () => {
    models.fail(trunk.file, { status: 503, retryAfter: '2' });
    const start = performance.now();
    await fetchModel(server.url, { outputs: ['Recognition'] });
    expect(performance.now() - start).toBeGreaterThanOrEqual(1990); // timers may fire a little early
  });

  test('a Retry-After of an hour is told at once', async () => {
    models.fail(trunk.file, { status: 503, retryAfter: '3600' });
    const error = await failure(fetchModel(server.url, { outputs: ['Recognition'] }));
    expect(error.message).toMatch(/503.*60 minutes of patience/);
  });

  test('an HTML page is no shard', async () => {
    models.fail(trunk.file, { html: true });
    const error = await failure(fetchModel(server.url, { outputs: ['Recognition'] }));
    expect(error).toBeInstanceOf(ModelDownloadError);
    expect(error.message).toContain('the server answered with an HTML page');
  });

  test('a changed shard is asked for once more, then refused by its hash', async () => {
    models.fail(trunk.file, { flip: 5000 }, { flip: 5000 });
    const error = await failure(fetchModel(server.url, { outputs: ['Recognition'] }));
    expect(error).toBeInstanceOf(WeightsInvalidError);
    expect(error.message).toMatch(/changed or damaged.*SHA-256/);
    expect(requestsOf(trunk.file)).toHaveLength(2);
  });

  test('a short file is refused by its size, without waiting for the rest', async () => {
    models.fail(trunk.file, { shorten: 1000 }, { shorten: 1000 });
    const error = await failure(fetchModel(server.url, { outputs: ['Recognition'] }));
    expect(error).toBeInstanceOf(WeightsInvalidError);
    expect(error.message).toMatch(/wrong size.*1000/);
    expect(requestsOf(trunk.file)).toHaveLength(2);
  });

  test('the first failure ends the other downloads', async () => {
    for (const { file } of model.manifest.shards.slice(1)) models.fail(file, { stallAfter: 10 });
    models.fail(trunk.file, { status: 404 });
    await failure(fetchModel(server.url));
    await vi.waitFor(() => expect(models.open).toBe(0));
    expect(models.trace.length).toBeLessThanOrEqual(1 + 4);
  });
});

test('an abort closes every connection, and asks for nothing more', async () => {
  for (const { file } of model.manifest.shards) models.fail(file, { stallAfter: 1000 });
  const abort = new AbortController();
  const reason = new Error('enough');
  const loading = failure(fetchModel(server.url, { signal: abort.signal }));
  await vi.waitFor(() => expect(models.open).toBe(4));
  abort.abort(reason);
  expect(await loading).toBe(reason);
  await vi.waitFor(() => expect(models.open).toBe(0));
  expect(models.trace.slice(1).every(({ aborted }) => aborted)).toBe(true);
  const asked = models.trace.length;
  await new Promise((resolve) => setTimeout(resolve, 700)); // longer than the first delay before a retry
  expect(models.trace).toHaveLength(asked);
});

test('an error of the one who watches the progress is theirs, and ends the download', async () => {
  const error = new Error('mine');
  const onProgress = () => {
    throw error;
  };
  expect(await failure(fetchModel(server.url, { outputs: ['Recognition'], onProgress }))).toBe(error);
  await vi.waitFor(() => expect(models.open).toBe(0));
  expect(models.trace.length).toBeLessThanOrEqual(3);
});

test('an abort while waiting to try again ends the wait', async () => {
  models.fail(trunk.file, { status: 503, retryAfter: '30' });
  const abort = new AbortController();
  const loading = failure(fetchModel(server.url, { signal: abort.signal, outputs: ['Recognition'] }));
  await vi.waitFor(() => expect(requestsOf(trunk.file)[0]?.status).toBe(503));
  await new Promise((resolve) => setTimeout(resolve, 50));
  abort.abort();
  expect((await loading).name).toBe('AbortError');
});

test('chunks of any size are joined in their order', () => {
  const body = new PartialBody(new URL('http://x/y'), 2 ** 24);
  const expected: number[] = [];
  for (const length of [1, 65_536, 7, 65_535, 2, 65_529, 100_000, 0, 3]) {
    const chunk = Uint8Array.from({ length }, (_, i) => (i * 31 + expected.length) % 251);
    body.append(chunk);
    for (const byte of chunk) expected.push(byte);
  }
  expect(body.size).toBe(expected.length);
  expect(Buffer.compare(body.take(), Uint8Array.from(expected))).toBe(0);
});

describe('delays', () => {
  test('double, with a random half taken off, up to a limit', () => {
    for (const [failures, longest] of [
      [1, 500],
      [2, 1000],
      [3, 2000],
      [5, 8000],
      [50, 8000],
    ] as const) {
      const delays = Array.from({ length: 200 }, () => backoff(failures));
      expect(Math.max(...delays)).toBeLessThanOrEqual(longest);
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(longest / 2);
      expect(new Set(delays).size).toBeGreaterThan(100);
    }
  });

  test('Retry-After is read in seconds and as a date', () => {
    vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') });
    const asked = (value?: string) =>
      retryAfter(new Response(null, value === undefined ? {} : { headers: { 'retry-after': value } }));
    expect(asked()).toBeUndefined();
    expect(asked('7')).toBe(7000);
    expect(asked('Thu, 01 Jan 2026 00:00:30 GMT')).toBe(30_000);
    expect(asked('Wed, 31 Dec 2025 00:00:30 GMT')).toBe(0);
    expect(asked('soon')).toBeUndefined();
  });
});
