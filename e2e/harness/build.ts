import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { build } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const OUT = here('../../.cache/e2e/harness/');
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

/** Bundles a bare page that holds the SDK as built, for tests of what the example pages do not show. */
export async function buildHarness(): Promise<void> {
  await build({
    configFile: false,
    root: here('.'),
    base: './',
    logLevel: 'warn',
    build: { outDir: OUT, emptyOutDir: true, target: 'es2022', modulePreload: false, chunkSizeWarningLimit: 2000 },
  });
}

/** Opens the harness under the pages' own origin, where models and wasm files are. */
export async function openHarness(page: Page): Promise<void> {
  await page.route('**/harness/**', async (route) => {
    const name = new URL(route.request().url()).pathname.split('/harness/')[1] ?? '';
    const body = await readFile(OUT + name);
    await route.fulfill({ body, contentType: TYPES[extname(name)] ?? 'application/octet-stream' });
  });
  await page.goto('harness/index.html');
  await page.waitForFunction(() => 'FaceAnalyzer' in globalThis);
}
