import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from '@playwright/test';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SOURCE_ALIASES } from '../../../../scripts/lib/sources.mjs';
import type { calls, PlainFace } from './page.js';

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

let server: ViteDevServer;
let address = '';
let profile = '';
let context: BrowserContext | undefined;
let page: Page;

async function openBrowser(): Promise<void> {
  context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  page = context.pages()[0] ?? (await context.newPage());
  page.on('pageerror', (error) => console.error(error));
  await page.goto(address);
  await page.waitForFunction(() => 'storageTests' in globalThis);
}

beforeAll(async () => {
  server = await createServer({
    root: repository,
    configFile: false,
    cacheDir: join(repository, '.cache/vite-postprocessing-tests'),
    logLevel: 'error',
    resolve: { alias: SOURCE_ALIASES },
    optimizeDeps: { entries: [], include: ['idb', 'valibot'] },
    server: { port: 0, host: '127.0.0.1', hmr: false, watch: null },
  });
  await server.listen();
  const bound = server.httpServer?.address();
  if (!bound || typeof bound === 'string') throw new Error('The test server has no port.');
  address = `http://127.0.0.1:${bound.port}/packages/postprocessing/test/browser/page.html`;
  profile = await mkdtemp(join(tmpdir(), 'face-store-'));
  await openBrowser();
});
afterAll(async () => {
  await context?.close();
  await server?.close();
  if (profile) await rm(profile, { recursive: true, force: true });
});

type Calls = typeof calls;
const call = <K extends keyof Calls>(name: K, ...args: Parameters<Calls[K]>): Promise<Awaited<ReturnType<Calls[K]>>> =>
  page.evaluate(
    ([name, args]) => {
      const tests = Reflect.get(globalThis, 'storageTests') as Record<string, (...args: unknown[]) => Promise<never>>;
      return (tests[name] as (...args: unknown[]) => Promise<never>)(...args);
    },
    [name as string, args as unknown[]] as const,
  );

let count = 0;
const fresh = (): string => `store ${++count}`;
const ada: PlainFace = { id: 'ada', model: 'm', embedding: [0.5, -0.5, 0.5, 0.5], agreement: 0.75 };
const grace: PlainFace = { id: 'grace', model: 'm', embedding: [0.5, 0.5, 0.5, 0.5], agreement: 1 };

describe('FaceStore', () => {
  it('stores nothing by being imported, and no face by being opened', async () => {
    expect(await call('databases')).toEqual([]);
    const name = fresh();
    expect(await call('faces', name)).toEqual([]);
    expect(await call('databases')).toEqual([name]);
  });

  it('gives back what was put, replaces, removes, and fills a gallery', async () => {
    const name = fresh();
    await call('put', name, ada);
    await call('put', name, grace);
    const byId = async () => Object.fromEntries((await call('faces', name)).map((face) => [face.id, face]));
    expect(await byId()).toEqual({ ada, grace });
    expect(await call('search', name, 'm', grace.embedding)).toEqual(['grace', 'ada']);
    await call('put', name, { ...ada, embedding: [0, 3, 0, 4] });
    // At length 1.
    expect((await byId()).ada?.embedding).toEqual([0, 0.6, 0, 0.8].map((value) => Math.fround(value)));
    expect(await call('remove', name, 'ada')).toBe(true);
    expect(await call('remove', name, 'ada')).toBe(false);
    expect(await byId()).toEqual({ grace });
  });

  it('survives a restart of the browser, and lets no plain text into its profile', async () => {
    const name = fresh();
    const secret: PlainFace = {
      id: 'SECRET-ID-OF-A-PERSON',
      model: 'SECRET-MODEL',
      embedding: Array.from({ length: 64 }, (_, i) => Math.fround(Math.sin(i + 1))),
    };
    const norm = Math.hypot(...secret.embedding);
    const unit = { ...secret, embedding: secret.embedding.map((value) => Math.fround(value / norm)) };
    const control: PlainFace = { id: 'CONTROL-ID', model: 'CONTROL-MODEL', embedding: [1.1, 2.2, 3.3, 4.4] };
    await call('put', name, unit);
    await call('writeInTheClear', 'in the clear', control);
    await context?.close();
    const dump = await filesUnder(profile);
    const bytes = (face: PlainFace) => Buffer.from(Float32Array.from(face.embedding).buffer);
    const traces = (face: PlainFace) => [
      ...[face.id, face.model].flatMap((text) => [Buffer.from(text), Buffer.from(text, 'utf16le')]),
      bytes(face).subarray(0, 16),
      bytes(face).subarray(-16),
    ];
    const found = (needle: Buffer) => dump.some((file) => file.includes(needle));
    // What is stored in the clear is found this way, so the search can find what must not be there.
    expect(traces(control).some(found)).toBe(true);
    expect(found(bytes(control))).toBe(true);
    expect(found(Buffer.from(control.id))).toBe(true);
    for (const needle of [...traces(unit), ...traces(secret)]) expect(found(needle), needle.toString()).toBe(false);

    await openBrowser();
    const [again, ...others] = await call('faces', name);
    expect(others).toEqual([]);
    expect(again).toMatchObject({ id: unit.id, model: unit.model });
    again?.embedding.forEach((value, i) => {
      // Normalised twice in float32.
      expect(value).toBeCloseTo(unit.embedding[i] ?? Number.NaN, 6);
    });
  });

  it('forgets each face when its time is up, from the database too', async () => {
    expect(await call('leftAfter', fresh(), [1, 7, 30], [0, 0.9, 1.1, 6.9, 7.1, 31])).toEqual(
      [3, 3, 2, 2, 1, 0].map((left) => ({ seen: left, inDatabase: left })),
    );
    expect(await call('expiresWhileOpen', fresh())).toEqual([1, 0]);
  });

  it('reads nothing with the key of another database', async () => {
    const [mine, other] = [fresh(), fresh()];
    await call('put', mine, ada);
    await call('put', other, grace);
    await call('swapKeys', mine, other);
    expect(await call('faces', mine)).toEqual([]);
    expect(await call('unreadable', mine)).toBe(1);
    expect(await call('faces', other)).toEqual([grace]);
  });

  it.each(['sealed', 'iv', 'expires', 'name'] as const)('notices an altered %s', async (field) => {
    const name = fresh();
    await call('put', name, ada);
    await call('alter', name, field);
    expect(await call('faces', name)).toEqual([]);
    expect(await call('unreadable', name)).toBe(1);
  });

  it('reads what can be read beside damaged records, counts those, and removes them alone', async () => {
    const name = fresh();
    await call('put', name, ada);
    await call('put', name, grace);
    await call('damage', name);
    expect((await call('faces', name)).map(({ id }) => id).sort()).toEqual(['ada', 'grace']);
    expect(await call('search', name, 'm', grace.embedding)).toEqual(['grace', 'ada']);
    expect(await call('unreadable', name)).toBe(2);
    expect(await call('removeUnreadable', name)).toBe(2);
    expect(await call('removeUnreadable', name)).toBe(0);
    expect(await call('faces', name)).toHaveLength(2);
  });

  it('refuses a database of a later version or without keys, and deletes either without opening it', async () => {
    const [later, damaged] = [fresh(), fresh()];
    await call('makeLater', later);
    expect(await call('failureOfOpen', 1, later)).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(/later version/),
    });
    await call('put', damaged, ada);
    await call('damageKeys', damaged);
    expect(await call('failureOfOpen', 1, damaged)).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(/key of the stored faces is damaged/),
    });
    for (const name of [later, damaged]) {
      await call('deleteAll', name);
      expect(await call('databases')).not.toContain(name);
      expect(await call('faces', name)).toEqual([]);
    }
    await call('deleteAll', 'never there');
  });

  it('tells other tabs what was put, removed and deleted, and itself nothing', async () => {
    expect(await call('whatOthersAreTold', fresh(), ada)).toEqual({
      told: ['other false', 'mine false', 'other true'],
      seen: 1,
      late: 'DISPOSED',
    });
  });

  it('answers wrong values with typed errors', async () => {
    const codes = await call('failuresOfWrongValues');
    expect(codes.length).toBeGreaterThan(60);
    expect(new Set(codes)).toEqual(new Set(['INVALID_INPUT']));
  });

  it('lets no script export its keys', async () => {
    const name = fresh();
    await call('put', name, ada);
    expect(await call('exportKeys', name)).toEqual(['InvalidAccessError', 'InvalidAccessError']);
  });

  it('shares its key between tabs that open it at once', async () => {
    expect(await call('openTwice', fresh(), ada)).toEqual([ada]);
  });

  it('deletes everything, even while another tab has it open', async () => {
    const name = fresh();
    await call('put', name, ada);
    expect(await call('deleteAllUnderOther', name)).toEqual(['DISPOSED', 'DISPOSED']);
    expect(await call('databases')).not.toContain(name);
    expect(await call('faces', name)).toEqual([]);
  });

  it('refuses faces of another model, unusable ones, and to keep for ever', async () => {
    const name = fresh();
    await call('put', name, ada);
    expect(await call('failureOfGallery', name, 'n')).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('different models'),
    });
    expect(await call('failureOfPut', name, { ...ada, id: '' })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await call('failureOfPut', name, { ...ada, embedding: [0, 0] })).toMatchObject({ code: 'INVALID_INPUT' });
    for (const keepDays of [0, -1, Number.POSITIVE_INFINITY, Number.NaN]) {
      expect(await call('failureOfOpen', keepDays)).toMatchObject({ code: 'INVALID_INPUT' });
    }
  });
});

async function filesUnder(folder: string): Promise<readonly Buffer[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name))),
  );
}
