/** What strangers get: every package packed, judged, installed elsewhere, imported in plain Node, and weighed. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { buildPackage } from './lib/build-package.mjs';
import { runTool } from './lib/process.mjs';
import { inRepo, isMain, main, say, since, UserError } from './lib/repo.mjs';
import {
  DATA_PACKAGES,
  folderOf,
  manifestOf,
  PUBLIC_PACKAGES,
  packPackages,
  strangersFolder,
} from './lib/strangers.mjs';

const KILO = 1000;
/**
 * Kilobytes, gzipped: the SDK with its worker, without MediaPipe, TensorFlow.js and weights; the widget without the SDK.
 * Of the SDK on WebGPU, what is loaded up to the first answer for points that the page brings, that with all that later
 * calls load, what finds the faces, what judges how well they are seen, and what a GPU runs convolutional networks with.
 */
const FIRST_BUDGET = 71;
const SDK_BUDGET = 87;
const LOCATOR_BUDGET = 31;
const QUALITY_BUDGET = 4;
const CONVOLUTIONAL_BUDGET = 7;
const WIDGET_BUDGET = 23;
/** Chunks that find faces: BlazeFace, and the WebAssembly that runs it, of which a browser loads one build. */
const LOCATOR = /blazeface\/index|executors\/wasm\/index/;
/** The chunk that looks at a face's crop and says what is wrong with the picture. */
const QUALITY = /chunks\/quality/;
/** Chunks that are loaded only where a GPU runs a convolutional network. */
const CONVOLUTIONAL = /lower-convolutional/;
const SECOND_BUILD = /kernels-shared/;
/** Chunks that are loaded only where there is no WebGPU, no worker or no such locator. */
const FALLBACKS = /(wasm|tfjs|cpu)-backend|local-runner|(face-api|mediapipe)\/index/;
/**
 * Chunks that are loaded only once a page asks for what they do: streams (the page's part and the worker's),
 * explanations, profiles; and the search for a graphics card's fastest kernels, in the background, on the first visit.
 */
const ON_DEMAND = /frames|watcher|explainer|profile|tune/;
/** Chunks of the widget that are loaded only when a person asks what the network looked at. */
const ON_REQUEST = /explanation/;
const NOTHING = /(?!)/;
/** Whatever one or the other tells. */
const either = (...expressions) => new RegExp(expressions.map(({ source }) => source).join('|'));
/** The oldest that the guide says is supported. */
const OLDEST_TYPESCRIPT = '5.9.3';
const HEAVY = ['@mediapipe/*', '@tensorflow/*', '@vladmandic/*'];

const execute = promisify(execFile);

/** Scripts that run as workers, which are never imported. */
const WORKERS = ['./worker', './wasm/thread'];

/** Subpaths that are imported: `.`, `./webgpu` ... */
const entriesOf = ({ name, exports = {} }) =>
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
  if (DATA_PACKAGES.includes(name)) return messages.map((message) => `${name}: ${formatMessage(message, pkg)}`);
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

/**
 * What an application in the oldest TypeScript that is supported says of our types when it checks them too, and knows
 * no more than browsers had in 2022. TensorFlow.js' own types lack a package of types (`Long`), which is not ours to mend.
 */
async function checkTypes(folder) {
  const entries = [];
  for (const name of PUBLIC_PACKAGES) {
    // The trainer is for Node, and its types speak of Node's.
    if (name !== 'trainer') entries.push(...entriesOf(await manifestOf(name)));
  }
  const project = join(folder, 'typed');
  await mkdir(project, { recursive: true });
  const lines = entries.map((entry, i) => `import * as entry${i} from '${entry}';\nexport { entry${i} };`);
  await writeFile(join(project, 'index.ts'), `${lines.join('\n')}\n`);
  const complaints = [];
  for (const [module, moduleResolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
  ]) {
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      target: 'es2022',
      lib: ['es2022', 'dom'],
      types: [],
      module,
      moduleResolution,
    };
    const config = join(project, `tsconfig.${module}.json`);
    await writeFile(config, JSON.stringify({ compilerOptions, files: ['index.ts'] }));
    const tsc = join(folder, 'node_modules/typescript/bin/tsc');
    await execute(process.execPath, [tsc, '-p', config], { cwd: project }).catch((error) => {
      const ours = (error.stdout || error.message)
        .split('\n')
        .filter((line) => line.includes('error') && !line.includes('node_modules/@tensorflow/'));
      if (ours.length === 0) return;
      complaints.push(`types of ${module} modules in TypeScript ${OLDEST_TYPESCRIPT}:\n${ours.join('\n')}`);
    });
  }
  return complaints;
}

/**
 * Gzipped size in bytes of what a page loads of these entries, one after another and minified.
 *
 * @param {string[]} external packages that are weighed elsewhere
 * @param {RegExp} without names of chunks that are imported only where something else cannot be had
 */
async function weigh(folder, entryPoints, external, without) {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: folder,
    entryPoints,
    outdir: 'out',
    bundle: true,
    splitting: true,
    format: 'esm',
    minify: true,
    write: false,
    metafile: true,
    target: 'es2022',
    external,
    logLevel: 'error',
    legalComments: 'none',
  });
  const loaded = new Set();
  const load = (path) => {
    const output = metafile.outputs[path];
    if (!output || loaded.has(path) || without.test(output.entryPoint ?? '')) return;
    loaded.add(path);
    for (const imported of output.imports) load(imported.path);
  };
  const isEntry = ({ entryPoint }) => entryPoint && entryPoints.some((path) => path.endsWith(entryPoint));
  for (const [path, output] of Object.entries(metafile.outputs)) if (isEntry(output)) load(path);
  if (loaded.size === 0) throw new UserError(`Nothing was weighed of ${entryPoints.join(', ')}.`);
  return outputFiles
    .filter(({ path }) => loaded.has(relative(folder, path).replaceAll('\\', '/')))
    .reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
}

async function weighAll(folder) {
  const at = (path) => join(folder, 'node_modules', path);
  const sdk = [at('swinface/dist/index.js'), at('swinface/dist/worker.js')];
  const widget = [at('@swinface/widget/dist/index.js')];
  const first = await weigh(folder, sdk, HEAVY, either(FALLBACKS, LOCATOR, QUALITY, CONVOLUTIONAL, ON_DEMAND));
  const judged = await weigh(folder, sdk, HEAVY, either(FALLBACKS, LOCATOR, CONVOLUTIONAL, ON_DEMAND));
  const located = await weigh(folder, sdk, HEAVY, either(FALLBACKS, SECOND_BUILD, QUALITY, CONVOLUTIONAL, ON_DEMAND));
  const convolutional = await weigh(folder, sdk, HEAVY, either(FALLBACKS, LOCATOR, QUALITY, ON_DEMAND));
  const sizes = {
    'SDK on WebGPU, up to the first answer': [first, FIRST_BUDGET],
    'what finds the faces': [located - first, LOCATOR_BUDGET],
    'what judges how faces are seen': [judged - first, QUALITY_BUDGET],
    'convolutional networks on WebGPU': [convolutional - first, CONVOLUTIONAL_BUDGET],
    'SDK on WebGPU, with streams, explanations and tuning': [
      await weigh(folder, sdk, HEAVY, either(FALLBACKS, LOCATOR, CONVOLUTIONAL)),
      SDK_BUDGET,
    ],
    'SDK with every fallback': [await weigh(folder, sdk, HEAVY, NOTHING), undefined],
    widget: [await weigh(folder, widget, ['swinface'], ON_REQUEST), WIDGET_BUDGET],
    'widget, once it explains': [await weigh(folder, widget, ['swinface'], NOTHING), undefined],
  };
  const over = [];
  for (const [what, [bytes, budget]] of Object.entries(sizes)) {
    const text = `${what}: ${(bytes / KILO).toFixed(1)} KB gzipped${budget ? `, budget ${budget}` : ''}`;
    if (budget !== undefined && bytes > budget * KILO) over.push(text);
    else say.done(text);
  }
  return over;
}

/** What keeps the SDK from being bundled where no optional package is installed. */
async function bundleBare(folder) {
  const { build } = await import('esbuild');
  const entryPoints = [join(folder, 'node_modules/swinface/dist/worker.js')];
  const options = { absWorkingDir: folder, outdir: 'out', bundle: true, splitting: true, format: 'esm', write: false };
  return build({ ...options, entryPoints, logLevel: 'silent' }).then(
    () => [],
    ({ errors }) => errors.map(({ text }) => `bundling without optional packages: ${text}`),
  );
}

/**
 * Builds and checks all packages as strangers get them.
 *
 * @param {{ types?: boolean }} [options] `types`: also write the .d.ts files, where they are not there yet
 */
export async function checkPackages({ types = true } = {}) {
  let start = performance.now();
  const built = PUBLIC_PACKAGES.filter((name) => !DATA_PACKAGES.includes(name));
  for (const name of built) await buildPackage(name);
  if (types && (await runTool('typescript/bin/tsc', ['-b', ...built.map(folderOf)])) !== 0) {
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
    folder = await strangersFolder('packages', [...tarballs.values()], {
      react: '19.3.1',
      '@types/react': '19.3.0',
      typescript: OLDEST_TYPESCRIPT,
    });
    return [];
  });
  await step('every entry imports in plain Node', () => importAll(folder));
  await step(`types check in TypeScript ${OLDEST_TYPESCRIPT}, those of libraries too`, () => checkTypes(folder));
  await step('bundles without the optional packages', () => bundleBare(folder));
  await step('within the size budgets', () => weighAll(folder));
  for (const complaint of complaints) say.fail(complaint);
  return complaints.length === 0 ? 0 : 1;
}

if (isMain(import.meta.url)) await main(() => checkPackages());
