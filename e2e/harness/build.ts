import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { build } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const OUT = here('../../.cache/e2e/harness/');
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

/** Bundles a bare page that holds the SDK as built, for tests of what the example pages do not show. */
export async function buildHarness(out: string = OUT): Promise<void> {
  await build({
    configFile: false,
    root: here('.'),
    base: './',
    logLevel: 'warn',
    worker: { format: 'es' },
    build: { outDir: out, emptyOutDir: true, target: 'es2022', modulePreload: false, chunkSizeWarningLimit: 2000 },
  });
}

/** What the server sends with every page. */
const STRICT = {
  'Content-Security-Policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src 'self' blob:",
};
const ISOLATED = {
  ...STRICT,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
/**
 * `strict`, as the pages are served; `isolated`, cross-origin isolated as well; `open`, with nothing between the code
 * and the network.
 */
const HEADERS = { strict: STRICT, isolated: ISOLATED, open: {} } as const;

/**
 * Opens the harness under the pages' own origin, where models and wasm files are.
 *
 * @param more scripts by name, beside the harness
 */
export async function openHarness(
  page: Page,
  more: Readonly<Record<string, string>> = {},
  served: keyof typeof HEADERS = 'strict',
): Promise<void> {
  const headers = HEADERS[served];
  await page.route('**/harness/**', async (route) => {
    const name = new URL(route.request().url()).pathname.split('/harness/')[1] ?? '';
    const body = more[name] ?? (await readFile(OUT + name).catch(() => undefined));
    if (body === undefined) return route.fulfill({ status: 404, headers, body: 'Not found' });
    await route.fulfill({ body, headers, contentType: TYPES[extname(name)] ?? 'application/octet-stream' });
  });
  await page.goto('harness/index.html');
  await page.waitForFunction(() => 'FaceAnalyzer' in globalThis);
}

/** Address of the SDK's worker as the bundler wrote it, relative to the harness page. */
export async function harnessWorker(): Promise<string> {
  const name = (await readdir(`${OUT}assets`)).find((file) => /^worker-.*\.js$/.test(file));
  if (!name) throw new Error('The bundler wrote no worker.');
  return `./assets/${name}`;
}
