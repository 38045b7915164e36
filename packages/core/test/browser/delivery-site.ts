import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from '@playwright/test';
import { createServer } from 'vite';
import { SOURCE_ALIASES } from '../../../../scripts/lib/sources.mjs';
import type { ModelServer } from '../delivery/server.js';
import type { DeliveryCalls } from './delivery-page.js';

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

/** A page of the site, in one visitor's browser. */
export interface DeliveryPage {
  readonly page: Page;
  call<K extends keyof DeliveryCalls>(
    name: K,
    ...args: Parameters<DeliveryCalls[K]>
  ): Promise<Awaited<ReturnType<DeliveryCalls[K]>>>;
}

/** A site with a page and a model, and a browser. */
export interface Site {
  /** Somebody who was never here. */
  visitor(): Promise<BrowserContext>;
  /** Opens the page, in a new tab of the visitor's. @param script runs in it first */
  open(visitor: BrowserContext, script?: () => void): Promise<DeliveryPage>;
  close(): Promise<void>;
}

/** Serves `delivery-page.html` and, under /models/, what the model server has to say. */
export async function openSite(models: ModelServer): Promise<Site> {
  const server = await createServer({
    root: repository,
    configFile: false,
    cacheDir: `${repository}.cache/vite-delivery-tests`,
    logLevel: 'error',
    resolve: { alias: SOURCE_ALIASES },
    optimizeDeps: { entries: [], include: ['valibot', 'idb'] },
    server: { port: 0, host: '127.0.0.1', hmr: false, watch: null },
    plugins: [
      {
        name: 'models',
        configureServer: ({ middlewares }) => {
          middlewares.use('/models/', (request, response) => models.answer(request, response));
        },
      },
    ],
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
    const origin = `http://127.0.0.1:${address.port}`;
    const launched = await chromium.launch({
      executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--enable-unsafe-webgpu',
        '--use-webgpu-adapter=swiftshader',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    browser = launched;
    return {
      close,
      visitor: () => launched.newContext(),
      async open(visitor, script) {
        const page = await visitor.newPage();
        if (script) await page.addInitScript(script);
        await page.goto(`${origin}/packages/core/test/browser/delivery-page.html`);
        await page.waitForFunction(() => 'delivery' in globalThis);
        return {
          page,
          call: (name, ...args) =>
            page.evaluate(
              ([name, args]) =>
                (
                  globalThis as unknown as { delivery: Record<string, (...args: unknown[]) => Promise<never>> }
                ).delivery[name]?.(...args) as Promise<never>,
              [name as string, args as unknown[]] as const,
            ),
        };
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
