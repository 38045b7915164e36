import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncScript, end, eventually, SCRIPT_TIMEOUT, type Session, unwrap } from './session.js';

/** The program. */
export const FIREFOX = process.env.FIREFOX_PATH ?? '/usr/bin/firefox-esr';
/** Chromium's tests name SwiftShader as the only driver of Vulkan; Firefox is the second implementation on Mesa's. */
const MESA = { VK_ICD_FILENAMES: undefined, VK_DRIVER_FILES: undefined };

/** Values of Firefox's preferences, as about:config lists them. */
export type Preferences = Readonly<Record<string, boolean | number | string>>;

/** Nothing that would call home, ask questions or change with the day. */
const QUIET: Preferences = {
  'app.update.auto': false,
  'app.normandy.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.downloads.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.search.update': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.reportingpolicy.firstRun': false,
};

/** A camera that shows a test pattern, given to whoever asks. */
export const FAKE_CAMERA: Preferences = {
  'media.navigator.permission.disabled': true,
  'media.navigator.streams.fake': true,
};

/** A proxy on this machine for everything but localhost. */
export const proxied = (port: number): Preferences => ({
  'network.proxy.type': 1,
  'network.proxy.http': '127.0.0.1',
  'network.proxy.http_port': port,
  'network.proxy.ssl': '127.0.0.1',
  'network.proxy.ssl_port': port,
});

/** Hosts that Firefox itself asks for its settings, whatever the page. */
export const BROWSERS_OWN: RegExp = /\.mozilla\.(com|org|net)$/;

/** WebGPU, which Firefox keeps from Linux unless asked, on any adapter that there is. */
export const WEBGPU: Preferences = { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true };

export interface FirefoxOptions {
  /** The program. */
  readonly path: string;
  readonly preferences?: Preferences;
  /** Of the page, in CSS pixels. */
  readonly size?: readonly [width: number, height: number];
}

/** Starts Firefox without a window and speaks Marionette with it, the protocol that it has built in. */
export async function openFirefox({ path, preferences = {}, size = [1440, 960] }: FirefoxOptions): Promise<Session> {
  const profile = await mkdtemp(join(tmpdir(), 'swinface-firefox-'));
  const all = { ...QUIET, ...preferences, 'marionette.port': 0 };
  const lines = Object.entries(all).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`);
  await writeFile(join(profile, 'user.js'), lines.join(''));
  const [width, height] = size;
  const program = spawn(
    path,
    ['--headless', '--marionette', '--no-remote', '--profile', profile, '--width', `${width}`, '--height', `${height}`],
    { stdio: 'ignore', env: { ...process.env, ...MESA, MOZ_CRASHREPORTER_DISABLE: '1' } },
  );
  let marionette: Marionette | undefined;
  const close = async () => {
    marionette?.close();
    await end(program);
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    const port = await eventually('The start of Firefox', async () => {
      if (program.exitCode !== null) throw new Error(`${path} ended with ${program.exitCode}.`);
      return Number(await readFile(join(profile, 'MarionetteActivePort'), 'utf8')) || undefined;
    });
    marionette = await Marionette.connect(port);
    const send = marionette.send.bind(marionette);
    const { capabilities } = (await send('WebDriver:NewSession', {})) as { capabilities: { browserVersion: string } };
    await send('WebDriver:SetTimeouts', { script: SCRIPT_TIMEOUT, pageLoad: SCRIPT_TIMEOUT });
    const chrome = (await send('WebDriver:ExecuteScript', {
      script: 'return [outerWidth - innerWidth, outerHeight - innerHeight];',
      args: [],
    })) as { value: [number, number] };
    await send('WebDriver:SetWindowRect', { width: width + chrome.value[0], height: height + chrome.value[1] });
    return {
      name: `Firefox ${capabilities.browserVersion}`,
      close,
      async open(url) {
        await send('WebDriver:Navigate', { url });
      },
      async run(script, ...args) {
        const answer = await send('WebDriver:ExecuteAsyncScript', { script: asyncScript(script), args });
        return unwrap((answer as { value: unknown }).value) as never;
      },
      async screenshot() {
        const { value } = (await send('WebDriver:TakeScreenshot', { full: false })) as { value: string };
        return Buffer.from(value, 'base64');
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What comes back of a command: [1, its number, an error or null, a result]. */
type Answer = readonly [type: number, id: number, error: { error: string; message: string } | null, result: unknown];

/** Commands and answers are JSON, each behind its length in bytes and a colon. */
class Marionette {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #received = Buffer.alloc(0);
  #last = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Firefox closed the connection.'));
      this.#waiting.clear();
    });
    socket.on('error', () => {});
  }

  static connect(port: number): Promise<Marionette> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Marionette(socket)));
      socket.once('error', reject);
    });
  }

  /** @throws {Error} if Firefox answers with an error */
  send(command: string, parameters: unknown): Promise<unknown> {
    const id = ++this.#last;
    const text = JSON.stringify([0, id, command, parameters]);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const colon = this.#received.indexOf(':');
      if (colon < 0) return;
      const length = Number(this.#received.subarray(0, colon));
      const start = colon + 1;
      if (this.#received.length < start + length) return;
      const message: unknown = JSON.parse(this.#received.subarray(start, start + length).toString('utf8'));
      this.#received = this.#received.subarray(start + length);
      // The first message is a greeting.
      if (Array.isArray(message)) this.#settle(message as unknown as Answer);
    }
  }

  #settle([, id, error, result]: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(`Firefox: ${error.error}: ${error.message}`));
    else waiting?.resolve(result);
  }
}
