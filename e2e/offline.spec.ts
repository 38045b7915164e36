import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { buildServiceWorker } from '../scripts/lib/offline.mjs';
import { serve } from '../scripts/serve.mjs';
import { acceptUntrained, test as base, expect } from './fixtures.js';

interface Site {
  /** Folder that is served. */
  readonly root: string;
  /** Takes the server off the network. */
  cut(): Promise<void>;
}

/** A copy of the pages with a server of its own, which a test may change and switch off. */
const test = base.extend<{ site: Site }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads from the pattern what a fixture needs
  site: async ({}, use) => {
    const root = await mkdtemp(join(tmpdir(), 'swinface-site-'));
    await cp(fileURLToPath(new URL('../dist/site', import.meta.url)), root, { recursive: true });
    const server = await serve({ root, port: 0 });
    await use({ root, cut: server.close, url: server.url } as Site);
    await server.close();
    await rm(root, { recursive: true });
  },
  baseURL: ({ site }, use) => use((site as Site & { url: string }).url),
});

test.use({ serviceWorkers: 'allow' });

const footer = (page: Page) => page.getByRole('contentinfo');

const start = async (page: Page) => {
  await page.getByRole('button', { name: 'Start the camera' }).click();
  await acceptUntrained(page);
  await expect(page.getByRole('status').first()).toHaveText('1 face in view');
};

/** Addresses that the pages' own caches hold, by cache. */
const kept = (page: Page) =>
  page.evaluate(async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith('swinface-pages-'));
    return Promise.all(
      names.map(async (name) => {
        const requests = await (await caches.open(name)).keys();
        return [name, requests.map(({ url }) => new URL(url).pathname)] as const;
      }),
    );
  });

test('after one visit everything works with the server gone', async ({ page, context, site }) => {
  await context.grantPermissions(['camera']);
  await page.goto('webcam/');
  await start(page);
  await expect(footer(page)).toContainText('now work without a network');
  const [[, paths] = ['', []]] = await kept(page);
  // The SDK keeps the model itself: once is enough.
  expect(paths.filter((path) => /\/(models|untrained)\//.test(path))).toEqual([]);
  expect(paths).toContain('/webcam/');

  await site.cut();
  await expect(fetch(page.url())).rejects.toThrow();
  await page.reload();
  await start(page);
  const values = page.locator('.report [data-value]');
  await expect(values).not.toHaveCount(0);
  await page.getByRole('link', { name: 'Photo' }).click();
  // The samples too, none of which was opened, and whose thumbnails were never shown.
  const samples = page.getByRole('button', { name: /^Sample photo \d$/ });
  await expect(samples).not.toHaveCount(0);
  for (const sample of await samples.all()) {
    await sample.scrollIntoViewIfNeeded();
    await expect
      .poll(() => sample.locator('img').evaluate((img: HTMLImageElement) => img.naturalWidth))
      .toBeGreaterThan(0);
  }
});

test('a new build replaces the old one when the visitor says so, and whole', async ({ page, site }) => {
  await page.goto('webcam/');
  await expect.poll(async () => (await kept(page)).length).toBe(1);
  await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
  const [[before] = ['']] = await kept(page);
  const file = join(site.root, 'webcam/index.html');
  await writeFile(file, (await readFile(file, 'utf8')).replace(/<title>.*<\/title>/, '<title>The next build</title>'));
  await buildServiceWorker(site.root);

  await page.reload();
  await expect(footer(page)).toContainText('A new version of these pages is ready.');
  await expect(page).toHaveTitle(/Webcam/);
  await footer(page).getByRole('button', { name: 'Use it now' }).click();
  await expect(page).toHaveTitle('The next build');
  await expect.poll(async () => (await kept(page)).map(([name]) => name)).not.toContain(before);
  expect(await kept(page)).toHaveLength(1);
});

test('a file that is not of this build is not kept', async ({ page, site }) => {
  await page.goto('photo/');
  await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
  const sample = 'assets/samples/sample1.jpg';
  await writeFile(join(site.root, sample), await readFile(join(site.root, 'assets/samples/sample2.jpg')));
  const status = await page.evaluate(async (path) => (await fetch(`../${path}`)).status, sample);
  expect(status).toBe(200);
  const [[, paths] = ['', []]] = await kept(page);
  expect(paths).not.toContain(`/${sample}`);
  expect(paths.filter((path) => path.endsWith('.js')).length).toBeGreaterThan(0);
});
