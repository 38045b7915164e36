/** What strangers get: every package packed, judged, installed elsewhere, imported in plain Node, and weighed. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { buildPackage } from './lib/build-package.mjs';
import { runTool } from './lib/process.mjs';
import { inRepo, isMain, main, say, since, UserError } from './lib/repo.mjs';
import { manifestOf, PUBLIC_PACKAGES, packPackages, strangersFolder } from './lib/strangers.mjs';

const KILO = 1024;
/** Kibibytes, gzipped: the SDK with its worker, without MediaPipe, TensorFlow.js and weights; the widget without the SDK. */
const BUDGETS = { sdk: 60, widget: 25 };
const HEAVY = ['@mediapipe/*', '@tensorflow/*', '@vladmandic/*'];

const execute = promisify(execFile);

/** Scripts that run as workers: nobody imports them. */
const WORKERS = ['./worker', './wasm/thread'];

/** Subpaths that are imported: `.`, `./webgpu` ... */
const entriesOf = ({ name, exports }) =>
  Object.entries(exports)
    .filter(([path, target]) => target.default !== undefined && !WORKERS.includes(path))
    .map(([path]) => name + path.slice(1));

/** Both tools' complaints about one tarball. */
async function judge(name, tarball) {
  const { publint } = await import('publint');
  const { formatMessage } = await import('publint/utils');
  const bytes = await readFile(tarball);
  const { messages, pkg } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
    strict: true,
  });
  const manifest = await manifestOf(name);
  const data = Object.keys(manifest.exports).filter((path) => path.endsWith('.json'));
  const exclude = data.length > 0 ? ['--exclude-entrypoints', ...data] : [];
  const attw = ['node_modules/@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'esm-only', ...exclude];
  const types = await execute(process.execPath, [...attw, '--format', 'ascii', '--no-color'], { cwd: inRepo() }).then(
    () => [],
    (error) => [error.stdout || error.message],
  );
  return [...messages.map((message) => formatMessage(message, pkg)), ...types].map((text) => `${name}: ${text}`);
}

/** Imports everything in plain Node, each entry in a process of its own. */
async function importAll(folder) {
  const failures = [];
  for (const name of PUBLIC_PACKAGES) {
    for (const entry of entriesOf(await manifestOf(name))) {
      // No output, no lasting timer or socket, nothing of a browser needed: the process ends by itself.
      const code = `await import(${JSON.stringify(entry)});`;
      try {
        const { stdout, stderr } = await execute(process.execPath, ['--input-type=module', '-e', code], {
          cwd: folder,
          timeout: 60_000,
        });
        if (stdout || stderr) failures.push(`importing ${entry} prints: ${stdout}${stderr}`);
      } catch (error) {
        failures.push(`importing ${entry} in Node fails:\n${error.stderr}`);
      }
    }
  }
  return failures;
}

/** Gzipped size in bytes of everything that a page may load of these entries. */
async function weigh(folder, entryPoints, external) {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints,
    outdir: 'out',
    bundle: true,
    splitting: true,
    format: 'esm',
    minify: true,
    write: false,
    target: 'es2022',
    external,
    logLevel: 'error',
    legalComments: 'none',
  });
  return outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
}

async function weighAll(folder) {
  const at = (path) => join(folder, 'node_modules', path);
  const sizes = {
    sdk: await weigh(folder, [at('swinface/dist/index.js'), at('swinface/dist/worker.js')], HEAVY),
    widget: await weigh(folder, [at('@swinface/widget/dist/index.js')], ['swinface']),
  };
  return Object.entries(sizes).flatMap(([what, bytes]) => {
    const text = `${what}: ${(bytes / KILO).toFixed(1)} KiB gzipped, budget ${BUDGETS[what]}`;
    if (bytes <= BUDGETS[what] * KILO) say.done(text);
    return bytes <= BUDGETS[what] * KILO ? [] : [text];
  });
}

/**
 * Builds and checks all packages as strangers get them.
 *
 * @param {{ types?: boolean }} [options] `types`: also write the .d.ts files, where no one has yet
 */
export async function checkPackages({ types = true } = {}) {
  let start = performance.now();
  for (const name of PUBLIC_PACKAGES) await buildPackage(name);
  if (
    types &&
    (await runTool('typescript/bin/tsc', ['-b', ...PUBLIC_PACKAGES.map((name) => `packages/${name}`)])) !== 0
  ) {
    throw new UserError('The types of the packages do not check (see above).');
  }
  const tarballs = await packPackages();
  say.done(`${tarballs.size} packages built and packed (${since(start)})`);
  const complaints = [];
  const step = async (what, check) => {
    start = performance.now();
    const found = await check();
    complaints.push(...found);
    if (found.length === 0) say.done(`${what} (${since(start)})`);
  };
  await step('publint and attw find nothing', async () => {
    const all = [];
    for (const [name, tarball] of tarballs) all.push(...(await judge(name, tarball)));
    return all;
  });
  let folder = '';
  await step('installed from their tarballs', async () => {
    folder = await strangersFolder('packages', [...tarballs.values()], { react: '19.3.1' });
    return [];
  });
  await step('every entry imports in plain Node', () => importAll(folder));
  await step('within the size budgets', () => weighAll(folder));
  for (const complaint of complaints) say.fail(complaint);
  return complaints.length === 0 ? 0 : 1;
}

if (isMain(import.meta.url)) await main(() => checkPackages());
