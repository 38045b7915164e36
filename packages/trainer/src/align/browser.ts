import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UnsupportedDeviceError } from '@swinface/core';
import type { Box } from '@swinface/geometry';
import type { Browser, Page } from 'playwright-core';
import type { InlineConfig, ViteDevServer } from 'vite';
import type { AlignPage, PageFace } from './page/page.js';

/** Localhost, since a page needs a secure context; nothing listens there. */
const HOST = 'http://localhost:1';
const IMAGE = `${HOST}/image`;
const PATIENCE_MS = 300_000;

/** A headless Chromium with the browser's own alignment package in it. */
export class AlignBrowser {
  #image: Uint8Array = new Uint8Array();

  private constructor(
    private readonly server: ViteDevServer,
    private readonly browser: Browser,
    private readonly page: Page,
  ) {}

  /**
   * @param landmarkModel path of MediaPipe's `face_landmarker.task`
   * @throws {UnsupportedDeviceError} if Chromium or the packages that drive it are not installed
   */
  static async open(landmarkModel: string): Promise<AlignBrowser> {
    const { chromium, vite } = await tools();
    const server = await vite.createServer(serverConfig());
    let browser: Browser | undefined;
    try {
      browser = await chromium.launch({
        executablePath: chromiumPath(chromium.executablePath()),
        args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--no-first-run'],
      });
      const page = await browser.newPage();
      const opened = new AlignBrowser(server, browser, page);
      await opened.#serve(landmarkModel);
      // A busy machine may take a minute to transform the page's modules.
      page.setDefaultTimeout(PATIENCE_MS);
      await page.goto(`${HOST}/`);
      // Rejects with the page's own reason if the locator does not start.
      await page.evaluate(async () => void (await window.alignPage));
      return opened;
    } catch (error) {
      await browser?.close();
      await server.close();
      throw error;
    }
  }

  /**
   * Everything the page asks for is answered here: no port is opened, nothing leaves the machine. Modules come from
   * Vite's transformer, so that a checkout needs no build.
   */
  async #serve(landmarkModel: string): Promise<void> {
    const { page, server } = this;
    const entry = scriptPath();
    const wasm = dirname(createRequire(import.meta.url).resolve('@mediapipe/tasks-vision'));
    await page.route('**/*', async (route) => {
      const { pathname, search, origin } = new URL(route.request().url());
      if (origin !== HOST) return route.abort();
      if (pathname === '/') {
        const body = `<!doctype html><meta charset="utf-8"><script type="module" src="/@fs${entry}"></script>`;
        return route.fulfill({ contentType: 'text/html', body });
      }
      if (pathname === '/image') return route.fulfill({ body: Buffer.from(this.#image) });
      if (pathname === '/landmarks') return route.fulfill({ body: await readFile(landmarkModel) });
      if (pathname.startsWith('/mediapipe/')) {
        const path = join(wasm, 'wasm', pathname.slice('/mediapipe/'.length).replaceAll('..', ''));
        const contentType = path.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
        return route.fulfill({ contentType, body: await readFile(path) });
      }
      const transformed = await server.transformRequest(`${pathname}${search}`).catch(() => null);
      if (!transformed) return route.fulfill({ status: 404 });
      return route.fulfill({ contentType: 'text/javascript', body: transformed.code });
    });
  }

  /**
   * Faces of an encoded image, largest first.
   *
   * @param box around the one face to look at; every face is searched for without it
   */
  async locate(image: Uint8Array, box?: Box): Promise<readonly PageFace[]> {
    this.#image = image;
    return this.page.evaluate(
      async ([address, box]) => {
        const page: AlignPage = await window.alignPage;
        return page.locate(address, box);
      },
      [IMAGE, box] as const,
    );
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.server.close();
  }
}

/** Only `align` needs them, so they are optional peers of the package. */
async function tools() {
  try {
    const [{ chromium }, vite] = await Promise.all([import('playwright-core'), import('vite')]);
    return { chromium, vite };
  } catch (cause) {
    throw new UnsupportedDeviceError('Aligning photographs needs a browser and what drives it.', {
      expected: 'the packages playwright-core, vite, @swinface/alignment and @mediapipe/tasks-vision',
      hint: 'Install them beside @swinface/trainer.',
      cause,
    });
  }
}

const CHROMIUMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

function chromiumPath(own: string): string {
  const found = [process.env.CHROMIUM_PATH, own, ...CHROMIUMS].find((path) => path && existsSync(path));
  if (found) return found;
  throw new UnsupportedDeviceError('There is no Chromium.', {
    hint: 'Install Chromium, or name its program in CHROMIUM_PATH.',
  });
}

/** The page's script beside this module: TypeScript in a checkout, JavaScript in the package. */
function scriptPath(): string {
  const built = fileURLToPath(new URL('./page/page.js', import.meta.url));
  return existsSync(built) ? built : built.replace(/\.js$/, '.ts');
}

/** In a checkout, packages are their sources; elsewhere, what is installed. */
function serverConfig(): InlineConfig {
  const checkout = fileURLToPath(new URL('../../../../vite.config.ts', import.meta.url));
  const root = existsSync(checkout) ? dirname(checkout) : process.cwd();
  return {
    root,
    configFile: existsSync(checkout) ? checkout : false,
    appType: 'custom',
    cacheDir: join(root, 'node_modules/.cache/swinface-align'),
    logLevel: 'silent',
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true, include: [] },
  };
}
