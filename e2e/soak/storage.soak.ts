/** A cache that rots in twenty-one ways, and a browser whose disk is full. */
import type { Page } from '@playwright/test';
import { tellSoak } from '../../scripts/lib/soak.mjs';
import { expect, isTrained, test } from '../fixtures.js';
import { type VideoHarness as Harness, openWithVideo as open } from '../harness/video.js';
import { memory } from '../memory.js';

const MODEL = `/assets/${isTrained ? 'models' : 'untrained'}/swinface-mobile.json`;
/** The seven ways in which a kept file is damaged: named here, done on the page. */
const DAMAGES = ['emptied', 'cut short', 'a bit turned', 'bytes at its end', 'zeros', 'another file', 'an HTML page'];

/** Answers from a fresh analyzer, which opens the model from what is kept. */
const answer = (page: Page) =>
  page.evaluate(async (model) => {
    const { FaceAnalyzer } = globalThis as unknown as Harness;
    const analyzer = await FaceAnalyzer.create({
      model,
      engine: 'wasm',
      outputs: ['Recognition', 'Age'],
      locator: 'none',
    });
    const crop = new OffscreenCanvas(112, 112);
    crop.getContext('2d')?.fillRect(20, 30, 50, 50);
    const { embedding } = await analyzer.analyzeAligned(crop);
    analyzer.dispose();
    return Array.from(embedding ?? []);
  }, MODEL);

test('cache corrupted', async ({ page, requests }) => {
  await open(page, {}, 'isolated');
  const fetched = () => requests.filter((request) => request.url().endsWith('.safetensors')).length;
  const right = await answer(page);
  expect(right.length).toBeGreaterThan(0);
  await answer(page);
  const before = await memory(page);
  let times = 0;
  for (const damage of DAMAGES) {
    for (const file of ['manifest', 'first shard', 'last shard']) {
      await page.evaluate(
        async ([damage, file]) => {
          const [name] = await caches.keys();
          const cache = await caches.open(name ?? '');
          const keys = await cache.keys();
          const [manifests, shards] = [true, false].map((json) =>
            keys.filter(({ url }) => url.endsWith('.json') === json),
          );
          const key = file === 'manifest' ? manifests?.[0] : file === 'first shard' ? shards?.[0] : shards?.at(-1);
          const other = shards?.[file === 'first shard' ? 1 : 0];
          const kept = key && (await cache.match(key));
          if (!key || !kept || !other) throw new Error(`Nothing is kept as ${file}.`);
          const bytes = new Uint8Array(await kept.arrayBuffer());
          const turned = bytes.slice();
          turned[bytes.length >> 1] = (turned[bytes.length >> 1] ?? 0) ^ 1;
          const damaged: Record<string, BodyInit> = {
            emptied: '',
            'cut short': bytes.slice(0, bytes.length >> 1),
            'a bit turned': turned,
            'bytes at its end': new Blob([bytes, 'more']),
            zeros: new Uint8Array(bytes.length),
            'another file': await ((await cache.match(other)) as Response).arrayBuffer(),
            'an HTML page': '<!doctype html><title>Not found</title>',
          };
          await cache.put(key, new Response(damaged[damage] as BodyInit, { headers: kept.headers }));
        },
        [damage, file] as const,
      );
      const loads = fetched();
      expect(await answer(page), `${file}: ${damage}`).toEqual(right);
      const again = fetched();
      expect(again - loads, `${file}: ${damage}: shards fetched again`).toBeLessThanOrEqual(1);
      expect(await answer(page), `${file}: ${damage}, the visit after`).toEqual(right);
      expect(fetched() - again, `${file}: ${damage}: mended for good`).toBe(0);
      times++;
    }
  }
  await expect.poll(() => page.workers().length).toBe(0);
  const growth = (await memory(page)).bytes - before.bytes;
  expect(growth, 'bytes left behind').toBeLessThan(4 * 2 ** 20);
  await tellSoak({
    what: 'cache corrupted',
    times,
    outcome: 'the same answers, at most the damaged shard fetched again, once',
    growth,
  });
});

test("browser's disk full", async ({ page, requests }) => {
  await open(page, {}, 'isolated');
  const session = await page.context().newCDPSession(page);
  const origin = new URL(page.url()).origin;
  const fetched = () => requests.filter((request) => request.url().endsWith('.safetensors')).length;
  const right = await answer(page);
  const all = fetched();
  const empty = () => page.evaluate(async () => Promise.all((await caches.keys()).map((name) => caches.delete(name))));
  let times = 0;
  // Room for nothing, for the manifest alone, for one shard.
  for (const quotaSize of [1, 500_000, 2_500_000]) {
    await empty();
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
    const loads = fetched();
    expect(await answer(page), `${quotaSize} bytes of room`).toEqual(right);
    const again = fetched();
    expect(again - loads, `${quotaSize} bytes of room: each shard once`).toBe(all);
    await answer(page);
    expect(fetched(), `${quotaSize} bytes are too few to keep everything`).toBeGreaterThan(again);
    times++;
  }
  await session.send('Storage.overrideQuotaForOrigin', { origin });
  await answer(page);
  const mended = fetched();
  expect(await answer(page)).toEqual(right);
  expect(fetched(), 'kept again once there is room').toBe(mended);
  await tellSoak({ what: "browser's disk full", times, outcome: 'the same answers; kept again once there is room' });
});
