/** Servers that are broken or malicious: every one ends in a typed error or a model, soon, small, and with nothing half kept. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fetchModel, PRESETS, SwinFaceError } from '@swinface/core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Behaviour, SHARDS, TRUSTED, vouched } from '../delivery/hostile.js';
import { MANIFESTS } from '../delivery/hostile-manifests.js';
import { MemoryCaches } from '../delivery/memory-cache.js';
import { manyShards, type ServedModel } from '../delivery/model.js';

/** Shards that the tests below ask for: the trunk's, which behaves badly, and the recognition head's. */
const OUTPUTS = ['Recognition'];
const SOON = 10_000;
/** Memory beyond the peak before; the shard has 3 MB. */
const SMALL = 128 * 2 ** 20;
/** Bytes of one file in all; four times its length are allowed before a download is given up, and once more past caches. */
const TIMES_SENT = 6;
/** Requests for one file: two downloads of four attempts, of which redirects may take 21 each. */
const REQUESTS = 8 * 21;

let honest: ServedModel;
let served: ServedModel;
let behaviour: Behaviour;
const asked = new Map<string, number>();
let sent = 0;
let open = 0;
const sizes = () => Math.max(...[...honest.files.values()].map(({ length }) => length));

const server = createServer((request, response) => {
  const file = new URL(request.url ?? '', 'http://x').pathname.replace(/^.*\//, '');
  const count = asked.get(file) ?? 0;
  asked.set(file, count + 1);
  const before = request.socket.bytesWritten;
  open++;
  response.on('close', () => {
    open--;
    sent += request.socket.bytesWritten - before;
  });
  const isManifest = file === 'model.json';
  const body = isManifest ? Buffer.from(JSON.stringify(served.manifest)) : Buffer.from(served.files.get(file) ?? []);
  const isTrunk = file === served.manifest.shards[0]?.file;
  const answer = isManifest ? behaviour.manifest : isTrunk ? behaviour.shard : undefined;
  if (answer) answer(response, body, request, count);
  else if (body.length === 0) response.writeHead(404).end();
  else response.end(body);
});
server.on('clientError', () => {});

let url = '';
const { setInterval: every, clearInterval: never } = globalThis;
let caches: MemoryCaches;

beforeAll(async () => {
  honest = await manyShards(PRESETS['swinface-nano']);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/model.json`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** @returns code and message of the error, or `loads` */
async function meet(model: ServedModel, met: Behaviour): Promise<string> {
  [served, behaviour, sent] = [model, met, 0];
  asked.clear();
  caches = new MemoryCaches();
  vi.stubGlobal('caches', caches);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const clock = every(() => vi.advanceTimersByTime(5 * (met.speed ?? 20)), 5);
  const [start, peak] = [performance.now(), process.resourceUsage().maxRSS];
  try {
    await fetchModel(url, { outputs: OUTPUTS, signal: AbortSignal.timeout(SOON) });
    return 'loads';
  } catch (error) {
    if (!(error instanceof SwinFaceError)) throw error;
    return `${error.code}: ${error.message}`;
  } finally {
    never(clock);
    vi.useRealTimers();
    expect(performance.now() - start).toBeLessThan(SOON);
    expect(1024 * (process.resourceUsage().maxRSS - peak)).toBeLessThan(SMALL);
  }
}

async function expectBounds(outcome: string, gives: Behaviour['gives']): Promise<void> {
  expect(outcome).toMatch(gives === 'loads' ? /^loads$/ : gives);
  // Nothing that is kept is anything but what its hash says, and no manifest is kept without its shards.
  for (const [key, { body }] of caches.entries) {
    if (key === url) expect(outcome).toBe('loads');
    else expect(key).toMatch(new RegExp(`/${createHash('sha256').update(body).digest('hex')}$`));
  }
  if (outcome === 'loads') expect(caches.entries.size).toBe(1 + 2);
  expect(Math.max(...asked.values())).toBeLessThanOrEqual(REQUESTS);
  // No answer is left under way, for a server to go on with.
  await vi.waitFor(() => expect(open).toBe(0), { timeout: 2000 });
  expect(sent).toBeLessThan(TIMES_SENT * sizes() + 8 * 2 ** 20);
}

describe('a server that answers for a shard with', () => {
  test.each(Object.entries(SHARDS))('%s', async (_, met) => {
    await expectBounds(await meet(honest, met), met.gives);
  });
});

describe('a server that answers for the manifest with', () => {
  test.each(Object.entries(MANIFESTS))('%s', async (_, met) => {
    await expectBounds(await meet(honest, met), met.gives);
    expect([...asked.keys()].every((file) => file === 'model.json' || honest.files.has(file))).toBe(true);
  });
});

describe('a shard that its manifest vouches for, with', () => {
  test.each(Object.entries(TRUSTED))('%s', async (_, [change, gives]) => {
    const outcome = await meet(vouched(honest, change), { gives });
    await expectBounds(outcome, gives.test('loads') ? 'loads' : gives);
  });
});
