import type { BrowserContext } from '@playwright/test';
import { PRESETS, type RECOGNITION, sha256 } from '@swinface/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { syntheticTensor } from '../../../testing/src/synthetic.js';
import { manyShards, type ServedModel } from '../delivery/model.js';
import { ModelServer } from '../delivery/server.js';
import { openSite, type Site } from './delivery-site.js';

const DAY = 24 * 60 * 60 * 1000;
let first: ServedModel;
let second: ServedModel;
let models: ModelServer;
let site: Site;
let visitor: BrowserContext;
/** Digest of all tensors of `first` and `second`. */
let digests: readonly [string, string];

beforeAll(async () => {
  [first, second] = await Promise.all([
    manyShards(PRESETS['swinface-nano']),
    manyShards(PRESETS['swinface-nano'], '2'),
  ]);
  digests = [await digest(first), await digest(second, '2')];
  models = new ModelServer(first);
  site = await openSite(models);
});
afterAll(() => site.close());
beforeEach(async () => {
  visitor = await site.visitor();
});
afterEach(async () => {
  await visitor.close();
  models.reset();
  models.deploy(first);
});

/** SHA-256 over all tensors in order of their names, as the page computes it. */
async function digest({ manifest }: ServedModel, salt = ''): Promise<string> {
  const tensors = Object.entries(manifest.tensors).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = tensors.map(([name, { shape }]) => Buffer.from(syntheticTensor(name, shape, salt + name).data.buffer));
  return sha256(new Uint8Array(Buffer.concat(parts)));
}

const total = (model = first) => model.manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0);
/** Requests since the last look, for people who want to see them. */
function takeTrace(label: string): { readonly requests: number; readonly weights: number; readonly manifest: number } {
  const weights = models.trace.filter(({ file }) => file !== 'model.json');
  const summary = {
    requests: weights.length,
    weights: models.weightBytes,
    manifest: models.trace.filter(({ file }) => file === 'model.json').reduce((sum, { bytes }) => sum + bytes, 0),
  };
  const ranges = weights.flatMap(({ range, bytes }) => (range === undefined ? [] : [`${range} -> ${bytes}`]));
  console.log(
    `${label}: ${summary.requests} shard requests, ${summary.weights} bytes of weights, ${summary.manifest} of manifest` +
      `${ranges.length > 0 ? `, resumed ${ranges.join(', ')}` : ''}`,
  );
  models.reset();
  return summary;
}
/** What is kept once nothing is being written any more: a slow disk writes on after a visit was aborted. */
async function settled(tab: Awaited<ReturnType<Site['open']>>): Promise<[address: string, bytes: number][]> {
  let before: [address: string, bytes: number][] | undefined;
  return vi.waitFor(
    async () => {
      const last = before;
      before = await tab.call('kept');
      expect(before).toEqual(last); // One look alone says nothing.
      return before;
    },
    { timeout: 30_000, interval: 1_000 },
  );
}
const shardKeys = (kept: readonly [string, number][]) =>
  kept.map(([address]) => address).filter((address) => !address.endsWith('.json'));

describe('visits', () => {
  test('the first fetches every byte once, the second no byte of weights, and both give the same', async () => {
    const tab = await site.open(visitor);
    const one = await tab.call('load');
    expect(one).toMatchObject({ digest: digests[0], delivery: { fetched: total(), cached: 0, offline: false } });
    expect(one.delivery).not.toHaveProperty('notKept');
    expect(takeTrace('first visit')).toMatchObject({ requests: first.manifest.shards.length, weights: total() });
    const kept = await tab.call('kept');
    expect(kept).toHaveLength(first.manifest.shards.length + 1);
    await tab.page.close();

    const two = await (await site.open(visitor)).call('load');
    expect(two).toMatchObject({ digest: digests[0], delivery: { fetched: 0, cached: total(), offline: false } });
    expect(two.loaded.at(-1)).toBe(total());
    expect(takeTrace('second visit')).toEqual({ requests: 0, weights: 0, manifest: 0 }); // 304: unchanged
  });

  test('one that was cut off half-way is taken up by the next, shard by shard', async () => {
    const tab = await site.open(visitor);
    const one = await tab.call('load', {}, total() / 2);
    expect(one.error?.name).toBe('AbortError');
    await vi.waitFor(() => expect(models.open).toBe(0));
    const asked = models.trace.length;
    await tab.page.waitForTimeout(700); // longer than the first delay before a retry
    expect(models.trace).toHaveLength(asked);
    takeTrace('visit aborted half-way');
    const hashes = new Map(
      first.manifest.shards.map(({ sha256, bytes }) => [`https://swinface.invalid/sha256/${sha256}`, bytes]),
    );
    const kept = await settled(tab); // whole shards, no part of one, and no manifest that promises all of them
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(hashes.size);
    for (const [address, bytes] of kept) expect(bytes, address).toBe(hashes.get(address));
    const before = kept.reduce((sum, [, bytes]) => sum + bytes, 0);
    await tab.page.close();

    const two = await (await site.open(visitor)).call('load');
    expect(two).toMatchObject({ digest: digests[0], delivery: { fetched: total() - before, cached: before } });
    expect(takeTrace('the next visit').weights).toBe(total() - before);
  });

  test('a connection cut within a shard is taken up within it', async () => {
    const [trunk, head] = first.manifest.shards.map(({ file }) => file) as [string, string];
    models.fail(trunk, { cutAfter: 1_000_000 }, { cutAfter: 500_000 });
    models.fail(head, { cutAfter: 70_000 });
    const tab = await site.open(visitor);
    expect(await tab.call('load')).toMatchObject({ digest: digests[0], delivery: { fetched: total() } });
    const ranges = models.trace.filter(({ range }) => range !== undefined);
    expect(ranges.map(({ file, range, status }) => [file, range, status]).sort()).toEqual(
      [
        [trunk, 'bytes=1000000-', 206],
        [trunk, 'bytes=1500000-', 206],
        [head, 'bytes=70000-', 206],
      ].sort(),
    );
    expect(takeTrace('first visit, connection cut three times').weights).toBe(total());
  });

  test('without a network, the model comes from the last visit, manifest and all', async () => {
    const tab = await site.open(visitor);
    await tab.call('load');
    takeTrace('first visit');
    await visitor.setOffline(true);
    const start = performance.now();
    expect(await tab.call('load')).toMatchObject({
      digest: digests[0],
      delivery: { fetched: 0, cached: total(), offline: true },
    });
    expect(performance.now() - start).toBeLessThan(5000); // no retries before the copy is taken
    expect(takeTrace('offline')).toEqual({ requests: 0, weights: 0, manifest: 0 });
    await visitor.setOffline(false);
    models.fail('model.json', { status: 503 });
    expect(await tab.call('load')).toMatchObject({ delivery: { offline: true } });
    models.fail('model.json', { status: 404 });
    expect(await tab.call('load')).toMatchObject({ error: { code: 'MODEL_DOWNLOAD' } }); // The site took it down.
  });

  test('without a network and without an earlier visit, the error says so', async () => {
    const tab = await site.open(visitor);
    await visitor.setOffline(true);
    const { error } = await tab.call('load');
    expect(error).toMatchObject({ name: 'ModelDownloadError', code: 'MODEL_DOWNLOAD' });
    expect(error?.message).toMatch(/model\.json could not be loaded: the connection failed/);
  });

  test('two tabs at once both load, and leave one copy', async () => {
    const tabs = await Promise.all([site.open(visitor), site.open(visitor)]);
    const outcomes = await Promise.all(tabs.map((tab) => tab.call('load')));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ digest: digests[0] });
    expect(await tabs[0]?.call('kept')).toHaveLength(first.manifest.shards.length + 1);
    takeTrace('two tabs at once');
    expect(await tabs[1]?.call('load')).toMatchObject({ digest: digests[0], delivery: { fetched: 0 } });
  });
});

describe('the way to the first answer', () => {
  test('compiles while weights arrive, uploads them as they do, and gives the same on the next visit', async () => {
    const [trunk = '', head = ''] = first.manifest.shards.map(({ file }) => file);
    // The connection breaks twice: weights take their time.
    models.fail(trunk, { cutAfter: 1_000_000 });
    models.fail(head, { cutAfter: 70_000 }, { cutAfter: 1000 });
    const tab = await site.open(visitor);
    const one = await tab.call('firstAnswer');
    takeTrace('first answer, first visit, connection cut three times');
    expect(Math.max(...one.pipelines)).toBeLessThan(one.arrived);
    expect(Math.min(...one.uploads)).toBeLessThan(one.arrived);
    const two = await tab.call('firstAnswer');
    expect(takeTrace('first answer, second visit')).toEqual({ requests: 0, weights: 0, manifest: 0 });
    expect(two.embedding).toEqual(one.embedding);
    expect(two.embedding).toHaveLength(first.manifest.config.feature);
    for (const [label, { pipelines, uploads, arrived, compiled, answered, tasks }] of Object.entries({ one, two })) {
      const times = { pipelines: Math.max(...pipelines), firstUpload: uploads[0] ?? 0, arrived, compiled, answered };
      const text = Object.entries(times).map(([name, time]) => `${name} ${Math.round(time)} ms`);
      console.log(
        `visit ${label}: ${text.join(', ')}; tasks over 50 ms: ${tasks.map(Math.round).join(', ') || 'none'}`,
      );
    }
  });
});

describe('outputs that were chosen', () => {
  test('are all that is fetched and kept; others come when they are asked for', async () => {
    const tab = await site.open(visitor);
    const recognition: typeof RECOGNITION = 'Recognition';
    const one = await tab.call('load', { outputs: [recognition] });
    const [trunk = 0, head = 0] = first.manifest.shards.map(({ bytes }) => bytes);
    expect(one.delivery).toMatchObject({ fetched: trunk + head });
    expect(takeTrace('first visit, recognition only')).toMatchObject({ requests: 2, weights: trunk + head });
    const two = await tab.call('load', { outputs: [recognition, 'Age'] });
    expect(two.delivery).toMatchObject({ cached: trunk + head });
    expect(takeTrace('then age as well').requests).toBe(1);
  });
});

describe('a new version', () => {
  test('replaces the old one, whose shards go once they are old enough to belong to nobody', async () => {
    const tab = await site.open(visitor);
    await tab.call('load');
    models.deploy(second);
    expect(await tab.call('load')).toMatchObject({
      digest: digests[1],
      id: 'many-shards2',
      delivery: { fetched: total(second) },
    });
    takeTrace('a new version');
    // They might belong to a download under way in another tab, for all that this one knows.
    expect(shardKeys(await tab.call('kept'))).toHaveLength(
      first.manifest.shards.length + second.manifest.shards.length,
    );
    await tab.call('age', DAY);
    expect(await tab.call('load')).toMatchObject({ digest: digests[1], delivery: { fetched: 0 } });
    const left = shardKeys(await tab.call('kept'));
    expect(left.sort()).toEqual(
      second.manifest.shards.map(({ sha256 }) => `https://swinface.invalid/sha256/${sha256}`).sort(),
    );
  });

  test('does not take away what another manifest of the site still names', async () => {
    const tab = await site.open(visitor);
    await tab.call('load');
    const other = new URL('/other/model.json', tab.page.url()).href;
    await tab.call('keepStranger', other, JSON.stringify(first.manifest));
    await tab.call('keepStranger', new URL('/broken/model.json', tab.page.url()).href, '{');
    models.deploy(second);
    await tab.call('age', DAY);
    expect(await tab.call('load')).toMatchObject({ digest: digests[1] });
    expect(shardKeys(await tab.call('kept'))).toHaveLength(
      first.manifest.shards.length + second.manifest.shards.length,
    );
  });

  test('that cannot be had leaves the old one for visits without a network', async () => {
    const tab = await site.open(visitor);
    await tab.call('load');
    models.deploy(second);
    models.fail(second.manifest.shards[3]?.file ?? '', { status: 404 });
    expect(await tab.call('load')).toMatchObject({ error: { code: 'MODEL_DOWNLOAD' } });
    await visitor.setOffline(true);
    expect(await tab.call('load')).toMatchObject({ digest: digests[0], delivery: { offline: true } });
  });
});

describe('what cannot be trusted', () => {
  test('a tampered shard is refused by its hash and never kept', async () => {
    const { file = '', sha256: hash = '' } = first.manifest.shards[2] ?? {};
    models.fail(file, { flip: 4000 }, { flip: 4000 });
    const tab = await site.open(visitor);
    const { error } = await tab.call('load');
    expect(error).toMatchObject({ name: 'WeightsInvalidError', code: 'WEIGHTS_INVALID' });
    expect(error?.message).toContain(hash);
    expect(models.trace.filter((exchange) => exchange.file === file)).toHaveLength(2);
    takeTrace('tampered shard');
    expect((await tab.call('kept')).map(([address]) => address)).not.toContainEqual(expect.stringContaining(hash));
    expect(await tab.call('load')).toMatchObject({ digest: digests[0] });
  });

  test('a damaged copy is thrown away and fetched again', async () => {
    const { bytes = 0, sha256: hash = '' } = first.manifest.shards[1] ?? {};
    const tab = await site.open(visitor);
    await tab.call('load');
    await tab.call('damage', hash);
    models.reset();
    expect(await tab.call('load')).toMatchObject({
      digest: digests[0],
      delivery: { fetched: bytes, cached: total() - bytes },
    });
    expect(takeTrace('one damaged copy')).toMatchObject({ requests: 1, weights: bytes });
    expect(await tab.call('load')).toMatchObject({ delivery: { fetched: 0 } });
  });

  test('a page in place of the manifest or of a shard is refused and never kept', async () => {
    const tab = await site.open(visitor);
    models.fail('model.json', { html: true });
    expect((await tab.call('load')).error?.message).toMatch(/model\.json could not be loaded.*HTML page/);
    models.fail(first.manifest.shards[0]?.file ?? '', { html: true });
    expect((await tab.call('load')).error?.message).toMatch(/safetensors could not be loaded.*HTML page/);
    takeTrace('HTML pages');
    const hash = first.manifest.shards[0]?.sha256 ?? '';
    expect((await tab.call('kept')).map(([address]) => address)).not.toContainEqual(expect.stringContaining(hash));
    expect(await tab.call('load')).toMatchObject({ digest: digests[0] });
  });
});

describe('a browser that keeps nothing', () => {
  test('has a full disk: the model loads, and says once why the next visit pays again', async () => {
    const tab = await site.open(visitor, () => {
      let calls = 0;
      Object.assign(globalThis, { puts: () => calls });
      Cache.prototype.put = async () => {
        calls++;
        throw new DOMException('Quota exceeded.', 'QuotaExceededError');
      };
    });
    const one = await tab.call('load');
    expect(one).toMatchObject({
      digest: digests[0],
      delivery: { fetched: total(), notKept: expect.stringMatching(/full/) },
    });
    // The first shard tries, makes room and tries again; those behind it are told by then.
    expect(await tab.page.evaluate(() => (globalThis as unknown as { puts(): number }).puts())).toBe(2);
    takeTrace('full disk');
  });

  test('makes room by forgetting models of other addresses', async () => {
    const tab = await site.open(visitor, () => {
      const { put } = Cache.prototype;
      const stranger = async () => (await caches.open('swinface-models')).match('/other/model.json');
      Cache.prototype.put = async function (key, response) {
        if (String(key).includes('sha256') && (await stranger())) throw new DOMException('', 'QuotaExceededError');
        return put.call(this, key, response);
      };
    });
    const other = new URL('/other/model.json', tab.page.url()).href;
    await tab.call('keepStranger', other, JSON.stringify(second.manifest));
    const { delivery } = await tab.call('load');
    expect(delivery).not.toHaveProperty('notKept');
    const kept = (await tab.call('kept')).map(([address]) => address);
    expect(kept).not.toContain(other);
    expect(shardKeys(await tab.call('kept'))).toHaveLength(first.manifest.shards.length);
  });

  test.each([
    ['has no Cache Storage', /no Cache Storage/, () => Reflect.deleteProperty(globalThis, 'caches')],
    [
      'forbids to look at it',
      /sandboxed/,
      () =>
        Object.defineProperty(globalThis, 'caches', {
          get: () => {
            throw new DOMException('The context is sandboxed.', 'SecurityError');
          },
        }),
    ],
    [
      'forbids to open it',
      /insecure/,
      () => {
        CacheStorage.prototype.open = async () => {
          throw new DOMException('The operation is insecure.', 'SecurityError');
        };
      },
    ],
    [
      'fails to read it',
      /disk/,
      () => {
        Cache.prototype.match = async () => {
          throw new DOMException('Unexpected internal error: disk.', 'UnknownError');
        };
      },
    ],
  ])('%s', async (_, message, script) => {
    const tab = await site.open(visitor, script as () => void);
    const { delivery, digest: found } = await tab.call('load');
    expect(found).toBe(digests[0]);
    expect(delivery).toMatchObject({ fetched: total(), cached: 0, notKept: expect.stringMatching(message) });
  });

  test('or a page that wants nothing kept', async () => {
    const tab = await site.open(visitor);
    expect(await tab.call('load', { cache: false })).toMatchObject({
      digest: digests[0],
      delivery: { fetched: total() },
    });
    expect(await tab.page.evaluate(() => caches.keys())).toEqual([]);
  });
});
