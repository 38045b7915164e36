import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from '@playwright/test';
import { createServer, type Plugin, type ViteDevServer } from 'vite';
import { SOURCE_ALIASES } from '../../../../scripts/lib/sources.mjs';
import { landmarkModelPath } from './landmark-model.js';

const require = createRequire(import.meta.url);
const repository = fileURLToPath(new URL('../../../../', import.meta.url));
const faceApi = dirname(dirname(require.resolve('@vladmandic/face-api')));
const mediapipe = dirname(require.resolve('@mediapipe/tasks-vision'));

/** The photos that the face-api package ships, and how many people each shows. */
export const SAMPLES = [
  { name: 'sample1.jpg', people: 3 },
  { name: 'sample2.jpg', people: 3 },
  { name: 'sample3.jpg', people: 3 },
  { name: 'sample4.jpg', people: 4 },
  { name: 'sample5.jpg', people: 5 },
  { name: 'sample6.jpg', people: 4 },
] as const;

/** Path of one of the sample photos. */
export const samplePath = (name: string): string => join(faceApi, 'demo', name);

const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.jpg': 'image/jpeg',
  '.png': 'image/png',
  '.json': 'application/json',
};

/** Serves models, wasm, sample photos and pictures made by a test under /assets/. */
function assets(made: ReadonlyMap<string, Buffer>): Plugin {
  const folders = new Map([
    ['mediapipe/', join(mediapipe, 'wasm')],
    ['face-api/', join(faceApi, 'model')],
    ['samples/', join(faceApi, 'demo')],
    ['models/', join(repository, 'models')],
    ['tfjs/', dirname(require.resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm'))],
  ]);
  return {
    name: 'alignment-test-assets',
    configureServer(server) {
      server.middlewares.use('/assets/', async (request, response) => {
        const path = normalize(new URL(request.url ?? '', 'http://localhost').pathname).replace(/^\//, '');
        const bytes = made.get(path);
        response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream');
        if (bytes) return void response.end(bytes);
        const folder = [...folders].find(([prefix]) => path.startsWith(prefix));
        const file =
          path === 'face_landmarker.task'
            ? landmarkModelPath()
            : folder && join(folder[1], path.slice(folder[0].length));
        if (!file || !(await stat(file).catch(() => undefined))) {
          response.statusCode = 404;
          return void response.end();
        }
        createReadStream(file).pipe(response);
      });
    },
  };
}

/** Chromium on a page that has the package's sources loaded, and what it asked the network for. */
export interface TestPage {
  readonly page: Page;
  /** Puts a picture where the page finds it as /assets/NAME. */
  publish(name: string, bytes: Buffer): string;
  /** Addresses beyond the page's own origin that were asked for. */
  readonly foreignRequests: readonly string[];
  close(): Promise<void>;
}

/**
 * Serves the sources and opens a page that puts a `harness` into its globals.
 *
 * @param flags further command line flags of Chromium
 * @param path of the page in this repository
 */
export async function openTestPage(
  flags: readonly string[] = [],
  path = 'packages/alignment/test/browser/page.html',
): Promise<TestPage> {
  const made = new Map<string, Buffer>();
  let server: ViteDevServer | undefined;
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    await server?.close();
  };
  try {
    server = await createServer({
      root: repository,
      configFile: false,
      cacheDir: join(repository, '.cache/vite-alignment-tests'),
      logLevel: 'error',
      resolve: { alias: SOURCE_ALIASES },
      optimizeDeps: { entries: [], include: ['@mediapipe/tasks-vision', '@vladmandic/face-api'] },
      server: { port: 0, host: '127.0.0.1', hmr: false, watch: null },
      plugins: [assets(made)],
    });
    await server.listen();
    const address = server.httpServer?.address();
    if (!address || typeof address === 'string') throw new Error('The test server has no port.');
    const origin = `http://127.0.0.1:${address.port}`;
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--enable-unsafe-webgpu',
        '--use-webgpu-adapter=swiftshader',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        '--disable-quic',
        ...flags,
      ],
    });
    const page = await browser.newPage();
    const foreignRequests: string[] = [];
    page.on('request', (request) => {
      const url = request.url();
      if (!/^(blob|data):/.test(url) && !url.startsWith(`${origin}/`)) foreignRequests.push(url);
    });
    page.on('pageerror', (error) => console.error(error));
    await page.goto(`${origin}/${path}`);
    await page.waitForFunction(() => 'harness' in globalThis);
    return {
      page,
      foreignRequests,
      close,
      publish(name, bytes) {
        made.set(name, bytes);
        return `/assets/${name}`;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
