import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Browser, chromium, type Page } from '@playwright/test';
import { build, type Plugin, preview } from 'vite';
import { CAMERA_VIDEO, makeCameraVideo } from '../../e2e/camera-video.js';
import { ImageFiles, readDataset } from '../../packages/trainer/src/data/samples.js';
import { parsePairs, readPairs } from '../../packages/trainer/src/evaluate/pairs.js';
import { foldAccuracy } from '../../packages/trainer/src/evaluate/verification.js';
import { spread } from '../report/statistics.js';
import type { CompareCalls } from './page/main.js';

const inRepo = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** What the page's own origin serves beside the page: engines and models as published. */
const FOLDERS: Readonly<Record<string, string>> = {
  assets: inRepo('examples/public/assets'),
  human: inRepo('node_modules/@vladmandic/human/models'),
  tfjs: inRepo('node_modules/@tensorflow/tfjs-backend-wasm/dist'),
};
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.jpg': 'image/jpeg',
};
/** Seconds for which the camera's video is followed. */
const STREAM_SECONDS = 10;
const PHOTOS = ['sample1.jpg', 'sample3.jpg', 'sample6.jpg'].map((name) => `/assets/samples/${name}`);

const folders: Plugin = {
  name: 'folders',
  configurePreviewServer(server) {
    server.middlewares.use(async (request, response, next) => {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost');
      const [, folder = '', ...rest] = pathname.split('/');
      const root = FOLDERS[folder];
      const path = root && !pathname.includes('..') ? join(root, ...rest) : undefined;
      const info = path ? await stat(path).catch(() => undefined) : undefined;
      if (!path || !info?.isFile()) return next();
      const type = TYPES[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'Content-Type': type, 'Content-Length': info.size });
      createReadStream(path).pipe(response);
    });
  },
};

/** One library on one machine. */
interface Row {
  readonly name: string;
  readonly description: string;
  /** Bytes that the browser received for the first result, uncompressed. */
  readonly bytes: number;
  readonly firstMilliseconds: number;
  readonly photos: readonly {
    readonly photo: string;
    readonly faces: number;
    readonly median: number;
    readonly low: number;
    readonly high: number;
  }[];
  /** One face, 640 x 480: frames and looks of the network per second, and milliseconds until a frame's answer. */
  readonly stream?: {
    readonly frames: number;
    readonly analyses: number;
    readonly latency: number;
    readonly low: number;
    readonly high: number;
  };
  readonly verification?: {
    readonly accuracy: number;
    readonly standardError: number;
    readonly missed: number;
    readonly faces: number;
  };
}

const USAGE = 'npm run compare -- [--rounds 5] [--lfw LIST.jsonl --pairs PAIRS.txt] [--only NAME] [--json FILE]';

/** @returns the program's exit code */
export async function main(
  args: readonly string[],
  executablePath: string,
  progress: (line: string) => void,
): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      lfw: { type: 'string' },
      pairs: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`Usage: ${USAGE}`);
  const out = { outDir: inRepo('.cache/compare'), emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 5000 };
  const common = { root: inRepo('bench/compare/page'), configFile: false, logLevel: 'warn', build: out } as const;
  await build({ ...common, base: './', worker: { format: 'es' } });
  await makeCameraVideo();
  const server = await preview({ ...common, plugins: [folders], preview: { port: 0, host: '127.0.0.1' } });
  const address = server.httpServer.address();
  if (!address || typeof address === 'string') throw new Error('The page has no port.');
  const origin = `http://127.0.0.1:${address.port}`;
  const rows: Row[] = [];
  try {
    for (const name of values.only ? [values.only] : await contestants(executablePath, origin)) {
      progress(`${name}: first result`);
      const pairs = values.lfw && values.pairs ? { list: values.lfw, pairs: values.pairs } : undefined;
      // A browser of its own: nothing is warm.
      const browser = await launch(executablePath);
      try {
        rows.push(await measure(browser, origin, name, rounds, pairs, progress));
      } catch (error) {
        progress(`${name}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
      } finally {
        await browser.close();
      }
    }
  } finally {
    await server.close();
  }
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, load: loadavg()[0] ?? 0 };
  const report = { date: new Date().toISOString(), machine, rounds, rows };
  if (values.json) {
    await writeFile(resolve(process.env.INIT_CWD ?? '.', values.json), `${JSON.stringify(report, null, 2)}\n`);
  }
  for (const line of table(rows)) console.log(line);
  console.log(
    `${machine.cores} x ${machine.cpu}, load ${machine.load.toFixed(1)} at the end; medians of ${rounds} rounds, quartiles in brackets.`,
  );
  return rows.length > 0 ? 0 : 1;
}

const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      ...(process.env.BENCH_CHROMIUM_ARGS ?? '--use-webgpu-adapter=swiftshader').split(' ').filter(Boolean),
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-video-capture=${CAMERA_VIDEO}`,
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
    ],
  });

async function open(browser: Browser, origin: string): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(`${origin}/index.html`);
  await page.waitForFunction(() => 'compare' in globalThis);
  return page;
}

function call<K extends keyof CompareCalls>(
  page: Page,
  name: K,
  ...args: Parameters<CompareCalls[K]>
): Promise<Awaited<ReturnType<CompareCalls[K]>>> {
  return page.evaluate(
    ([name, args]) => {
      const { compare } = globalThis as unknown as { compare: Record<string, (...args: unknown[]) => Promise<never>> };
      return compare[name]?.(...args) as Promise<never>;
    },
    [name as string, args as unknown[]] as const,
  );
}

async function contestants(executablePath: string, origin: string): Promise<readonly string[]> {
  const browser = await launch(executablePath);
  try {
    return await call(await open(browser, origin), 'contestants');
  } finally {
    await browser.close();
  }
}

async function measure(
  browser: Browser,
  origin: string,
  name: string,
  rounds: number,
  lfw: { list: string; pairs: string } | undefined,
  progress: (line: string) => void,
): Promise<Row> {
  const page = await open(browser, origin);
  let bytes = 0;
  // Workers' requests too; the photo is no part of a library.
  page.context().on('response', (response) => {
    if (!response.url().includes('/samples/')) bytes += Number(response.headers()['content-length'] ?? 0);
  });
  const [photo = ''] = PHOTOS;
  const first = await call(page, 'first', name, photo);
  const received = bytes;
  const photos: Row['photos'][number][] = [];
  for (const address of PHOTOS) {
    progress(`${name}: ${address}`);
    const { faces, milliseconds } = await call(page, 'steady', address, rounds);
    const { median, q1: low, q3: high } = spread(milliseconds);
    photos.push({ photo: address.replace(/^.*\//, ''), faces, median, low, high });
  }
  progress(`${name}: the camera`);
  const followed = await call(page, 'stream', STREAM_SECONDS);
  const latency = followed && spread(followed.latencies);
  const verification = lfw ? await verify(page, lfw, (line) => progress(`${name}: ${line}`)) : undefined;
  return {
    name,
    description: first.description,
    bytes: received,
    firstMilliseconds: first.milliseconds,
    photos,
    ...(followed && latency
      ? {
          stream: {
            frames: followed.frames,
            analyses: followed.analyses,
            latency: latency.median,
            low: latency.q1,
            high: latency.q3,
          },
        }
      : {}),
    ...(verification ? { verification } : {}),
  };
}

/** Ten-fold accuracy on pairs, every picture through the whole pipeline; a face that is not found counts as a similarity of 0. */
async function verify(
  page: Page,
  { list, pairs: pairList }: { list: string; pairs: string },
  progress: (line: string) => void,
): Promise<NonNullable<Row['verification']>> {
  const dataset = await readDataset(resolve(process.env.INIT_CWD ?? '.', list));
  const { pairs } = parsePairs(await readPairs(resolve(process.env.INIT_CWD ?? '.', pairList)), dataset.samples);
  const files = new ImageFiles(dataset.folder);
  let image: Buffer = Buffer.alloc(0);
  await page.route('**/lfw-image', (route) => route.fulfill({ body: image }));
  const wanted = [...new Set(pairs.flatMap(({ first, second }) => [first, second]))];
  let missed = 0;
  for (const [done, index] of wanted.entries()) {
    const sample = dataset.samples[index];
    if (!sample) continue;
    image = await files.read(sample);
    if (!(await call(page, 'remember', '/lfw-image', index))) missed++;
    if ((done + 1) % 200 === 0) progress(`${done + 1} of ${wanted.length} faces`);
  }
  await files.close();
  const similarities = await call(
    page,
    'similarities',
    pairs.map(({ first, second }) => [first, second] as const),
  );
  const scored = pairs.map(({ same, fold }, pair) => ({ similarity: similarities[pair] ?? 0, same, fold }));
  const { accuracy, standardError } = foldAccuracy(scored);
  return { accuracy, standardError, missed, faces: wanted.length };
}

function table(rows: readonly Row[]): string[] {
  const photos = rows[0]?.photos.map(({ photo }) => photo) ?? [];
  const head = ['', 'engine', 'downloaded', 'first result', ...photos, 'stream', 'LFW View 1'];
  const lines = rows.map(({ name, description, bytes, firstMilliseconds, photos, stream, verification }) => [
    name,
    description,
    `${(bytes / 1e6).toFixed(1)} MB`,
    `${(firstMilliseconds / 1000).toFixed(1)} s`,
    ...photos.map(
      ({ faces, median, low, high }) =>
        `${median.toFixed(0)} ms [${low.toFixed(0)}, ${high.toFixed(0)}], ${faces} ${faces === 1 ? 'face' : 'faces'}`,
    ),
    stream
      ? `${stream.frames.toFixed(1)} frames/s, network ${stream.analyses.toFixed(1)}/s, ${stream.latency.toFixed(0)} ms [${stream.low.toFixed(0)}, ${stream.high.toFixed(0)}] a frame`
      : 'not measured',
    verification
      ? `${(100 * verification.accuracy).toFixed(1)} ± ${(100 * verification.standardError).toFixed(1)} %, ${verification.missed} of ${verification.faces} faces missed`
      : 'not measured',
  ]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
}
