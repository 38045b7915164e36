import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { asyncScript, end, eventually, SCRIPT_TIMEOUT, type Session, unwrap } from './session.js';

/** Milliseconds for a new session, or for its end: three tries take less than a test's hooks may. */
const START_TIMEOUT = 60_000;
/** Where Debian keeps WebKitGTK's own small browser, by architecture. */
const LIBRARIES = '/usr/lib';

export interface WebKitOptions {
  /** WebKitWebDriver. */
  readonly path: string;
  /** Address of a proxy for everything but localhost: "127.0.0.1:8080". */
  readonly proxy?: string;
  /** Of the page, in CSS pixels. */
  readonly size?: readonly [width: number, height: number];
}

/**
 * Starts WebKitGTK's MiniBrowser on a screen of its own, and speaks W3C WebDriver with it. Tries three times: on a busy
 * machine its driver has given up on a browser that was slow to start, and has waited for one that never came.
 */
export async function openWebKit(options: WebKitOptions): Promise<Session> {
  for (let tries = 1; ; tries++) {
    try {
      return await startWebKit(options);
    } catch (error) {
      if (tries === 3) throw error;
      console.warn('WebKitGTK did not start, and is tried once more:', error);
    }
  }
}

async function startWebKit({ path, proxy, size = [1440, 960] }: WebKitOptions): Promise<Session> {
  const [width, height] = size;
  const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', `${width}x${height + 200}x24`, '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const port = await freePort();
  let driver: ReturnType<typeof spawn> | undefined;
  let session: string | undefined;
  const call = async (method: string, address: string, body?: unknown, patience = SCRIPT_TIMEOUT): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}${address}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(patience),
    });
    const { value } = (await response.json()) as { value: unknown };
    if (response.ok) return value;
    const { error, message } = value as { error: string; message: string };
    throw new Error(`WebKit: ${error}: ${message}`);
  };
  const close = async () => {
    if (session) await call('DELETE', session, undefined, START_TIMEOUT).catch(() => undefined);
    if (driver) await end(driver);
    await end(screen);
  };
  try {
    const display = await displayOf(screen);
    driver = spawn(path, [`--port=${port}`, '--host=127.0.0.1'], {
      stdio: 'ignore',
      env: {
        ...process.env,
        DISPLAY: `:${display}`,
        GDK_BACKEND: 'x11',
        LIBGL_ALWAYS_SOFTWARE: '1',
        // Videos in textures of a software GL are read before they are drawn, and come out empty.
        WEBKIT_GST_DISABLE_GL_SINK: '1',
        // Its sandbox wants rights that containers seldom have; it opens our own pages alone.
        WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
      },
    });
    await eventually(
      'The start of WebKitWebDriver',
      async () => (await call('GET', '/status', undefined, START_TIMEOUT)) ?? undefined,
    );
    const wanted = {
      'webkitgtk:browserOptions': { binary: await miniBrowser(), args: ['--automation'] },
      ...(proxy === undefined
        ? {}
        : { proxy: { proxyType: 'manual', httpProxy: proxy, sslProxy: proxy, noProxy: ['localhost'] } }),
    };
    const { sessionId, capabilities } = (await call(
      'POST',
      '/session',
      { capabilities: { alwaysMatch: wanted } },
      START_TIMEOUT,
    )) as { sessionId: string; capabilities: { browserVersion: string } };
    const at = `/session/${sessionId}`;
    session = at;
    await call('POST', `${at}/timeouts`, { script: SCRIPT_TIMEOUT, pageLoad: SCRIPT_TIMEOUT });
    await call('POST', `${at}/window/rect`, { x: 0, y: 0, width, height });
    return {
      name: `WebKitGTK ${capabilities.browserVersion}`,
      close,
      async open(url) {
        await call('POST', `${at}/url`, { url });
      },
      async run(script, ...args) {
        return unwrap(await call('POST', `${at}/execute/async`, { script: asyncScript(script), args })) as never;
      },
      async screenshot() {
        return Buffer.from((await call('GET', `${at}/screenshot`)) as string, 'base64');
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Number of the display that Xvfb chose. */
function displayOf(screen: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    screen.once('error', (cause) => reject(new Error('Xvfb did not start. Install the package xvfb.', { cause })));
    screen.once('exit', (code) => reject(new Error(`Xvfb ended with ${code}.`)));
    screen.stdio[3]?.once('data', (data: Buffer) => resolve(data.toString().trim()));
  });
}

/** @throws {Error} if there is none */
async function miniBrowser(): Promise<string> {
  for (const folder of await readdir(LIBRARIES)) {
    for (const version of ['webkitgtk-6.0', 'webkit2gtk-4.1', 'webkit2gtk-4.0']) {
      const program = `${LIBRARIES}/${folder}/${version}/MiniBrowser`;
      if (existsSync(program)) return program;
    }
  }
  throw new Error(`No MiniBrowser of WebKitGTK is under ${LIBRARIES}. Install the package webkit2gtk-driver.`);
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
