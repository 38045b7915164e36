import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from '@playwright/test';
import { createServer } from 'vite';
import { SOURCE_ALIASES } from '../../../../scripts/lib/sources.mjs';
import type { PageCalls } from './tfjs-page.js';

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

/** Chromium on a page with the tfjs executor's sources. */
export interface TestPage {
  call<K extends keyof PageCalls>(
    name: K,
    ...args: Parameters<PageCalls[K]>
  ): Promise<Awaited<ReturnType<PageCalls[K]>>>;
  close(): Promise<void>;
}

/**
 * Serves `tfjs-page.html`, cross-origin isolated so that wasm may use threads, and opens it.
 *
 * @param headers more of them, such as a Content-Security-Policy
 */
export async function openTestPage(headers: Readonly<Record<string, string>> = {}): Promise<TestPage> {
  const server = await createServer({
    root: repository,
    configFile: false,
    cacheDir: `${repository}.cache/vite-core-tests`,
    logLevel: 'error',
    resolve: { alias: SOURCE_ALIASES },
    optimizeDeps: {
      entries: [],
      include: ['core', 'backend-cpu', 'backend-wasm', 'backend-webgl', 'backend-webgpu'].map(
        (name) => `@tensorflow/tfjs-${name}`,
      ),
    },
    server: {
      port: 0,
      host: '127.0.0.1',
      hmr: false,
      watch: null,
      headers: {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
        ...headers,
      },
    },
  });
  let browser: Browser | undefined;
  const close = async () => {
    await browser?.close();
    await server.close();
  };
  try {
    await server.listen();
    const address = server.httpServer?.address();
    if (!address || typeof address === 'string') throw new Error('The test server has no port.');
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
    });
    const page: Page = await browser.newPage();
    // tfjs starts a thread for every two cores; with 4 the threaded path is tested on any machine.
    await page.addInitScript(() => Object.defineProperty(navigator, 'hardwareConcurrency', { value: 4 }));
    page.on('pageerror', (error) => console.error(error));
    await page.goto(`http://127.0.0.1:${address.port}/packages/core/test/browser/tfjs-page.html`);
    await page.waitForFunction(() => 'tfjsTests' in globalThis);
    return {
      close,
      call: (name, ...args) =>
        page.evaluate(
          ([name, args]) =>
            (globalThis as unknown as { tfjsTests: Record<string, (...args: unknown[]) => Promise<never>> }).tfjsTests[
              name
            ]?.(...args) as Promise<never>,
          [name as string, args as unknown[]] as const,
        ),
    };
  } catch (error) {
    await close();
    throw error;
  }
}
