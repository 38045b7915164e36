import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import { build, type Plugin, preview } from 'vite';
import { BROWSERS_OWN, openFirefox, proxied, WEBGPU } from '../e2e/browsers/firefox.js';
import { eventually } from '../e2e/browsers/session.js';
import { refusingProxy } from '../e2e/proxy.js';
import { SOURCE_ALIASES } from '../scripts/lib/sources.mjs';
import type { PageCalls } from './page/main.js';

const inRepo = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const OUT = inRepo('.cache/bench');

/** Folders that the page's own origin serves: engines come as published, models as shipped. */
const FOLDERS: Readonly<Record<string, string>> = {
  ort: inRepo('node_modules/onnxruntime-web/dist'),
  tfjs: inRepo('node_modules/@tensorflow/tfjs-backend-wasm/dist'),
  models: inRepo('models'),
};
const TYPES: Readonly<Record<string, string>> = {
  '.mjs': 'text/javascript',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

/** Wasm threads need a cross-origin isolated page. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

const folders: Plugin = {
  name: 'folders',
  configurePreviewServer(server) {
    server.middlewares.use(async (request, response, next) => {
      const [, folder = '', name = ''] = new URL(request.url ?? '/', 'http://localhost').pathname.split('/');
      const root = FOLDERS[folder];
      const path = root && join(root, name);
      const info = path ? await stat(path).catch(() => undefined) : undefined;
      if (!path || !info?.isFile()) return next();
      response.writeHead(200, {
        ...ISOLATION,
        'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
        'Content-Length': info.size,
      });
      createReadStream(path).pipe(response);
    });
  },
};

/** The benchmark's page in a browser of its own. */
export interface BenchPage {
  readonly version: string;
  /** Addresses asked for at other origins. */
  readonly foreignRequests: readonly string[];
  call<K extends keyof PageCalls>(
    name: K,
    ...args: Parameters<PageCalls[K]>
  ): Promise<Awaited<ReturnType<PageCalls[K]>>>;
  close(): Promise<void>;
}

/** Builds the page from the packages' sources, serves it and opens it. @param path of the browser's program */
export async function openBenchPage(name: 'chromium' | 'firefox', path: string): Promise<BenchPage> {
  const common = { root: inRepo('bench/page'), configFile: false, logLevel: 'warn' } as const;
  const target = { outDir: OUT, emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 5000 };
  await build({ ...common, base: './', resolve: { alias: SOURCE_ALIASES }, build: target });
  const server = await preview({
    ...common,
    plugins: [folders],
    build: target,
    preview: { port: 0, host: 'localhost', headers: ISOLATION },
  });
  const address = server.httpServer.address();
  if (!address || typeof address === 'string') throw new Error('The page has no port.');
  const open = name === 'chromium' ? openInChromium : openInFirefox;
  return open(path, `http://localhost:${address.port}`, () => server.close());
}

type Open = (path: string, origin: string, closeServer: () => Promise<void>) => Promise<BenchPage>;

const openInFirefox: Open = async (path, origin, closeServer) => {
  const proxy = await refusingProxy();
  const session = await openFirefox({ path, preferences: { ...WEBGPU, ...proxied(proxy.port) } });
  const close = async () => {
    await session.close();
    proxy.close();
    await closeServer();
  };
  try {
    await session.open(`${origin}/index.html`);
    await eventually(
      'The start of the page',
      async () => (await session.run(() => 'bench' in globalThis)) || undefined,
    );
    return {
      version: session.name,
      // What Firefox itself asks for is not the page's.
      get foreignRequests() {
        return proxy.asked.filter((host) => !BROWSERS_OWN.test(host));
      },
      close,
      call: (name, ...args) =>
        session.run(
          (name, args) =>
            (globalThis as unknown as { bench: Record<string, (...args: unknown[]) => Promise<never>> }).bench[name]?.(
              ...args,
            ) as Promise<never>,
          name as string,
          args as unknown[],
        ),
    };
  } catch (error) {
    await close();
    throw error;
  }
};

const openInChromium: Open = async (executablePath, origin, closeServer) => {
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      // Timestamps in nanoseconds instead of tenths of milliseconds.
      '--enable-webgpu-developer-features',
      // Collects garbage and answers at once; a page would wait for the next collection.
      '--enable-blink-features=ForceEagerMeasureMemory',
      // The software adapter, unless the person says which.
      ...(process.env.BENCH_CHROMIUM_ARGS ?? '--use-webgpu-adapter=swiftshader').split(' ').filter(Boolean),
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--disable-quic',
    ],
  });
  const foreignRequests: string[] = [];
  const close = async () => {
    await browser.close();
    await closeServer();
  };
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.origin !== origin && url.protocol !== 'blob:' && url.protocol !== 'data:') foreignRequests.push(url.href);
    });
    page.on('pageerror', (error) => console.error(error));
    await page.goto(`${origin}/index.html`);
    await page.waitForFunction(() => 'bench' in globalThis, undefined, { timeout: 60_000 });
    return {
      version: `Chromium ${browser.version()}`,
      foreignRequests,
      close,
      call: (name, ...args) =>
        page.evaluate(
          ([name, args]) =>
            (globalThis as unknown as { bench: Record<string, (...args: unknown[]) => Promise<never>> }).bench[name]?.(
              ...args,
            ) as Promise<never>,
          [name as string, args as unknown[]] as const,
        ),
    };
  } catch (error) {
    await close();
    throw error;
  }
};
