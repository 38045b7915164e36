import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inRepo } from '../../scripts/lib/repo.mjs';

const HERE = inRepo('e2e/bundlers');

const PHOTO = inRepo('dist/embed/pictures/team.jpg');

/** `npx swinface-assets OUT`, as an application in `cwd` runs it that finds the packages in `folder`. */
const runAssets = (folder, cwd, out) =>
  promisify(execFile)(process.execPath, [join(folder, 'node_modules/.bin/swinface-assets'), out], { cwd });

/**
 * Puts what the SDK loads beside its code where its defaults say, with the SDK's own tool.
 *
 * @param {string} folder where the packages are installed
 * @param {string} out what is served
 */
export async function copyAssets(folder, out) {
  await runAssets(folder, folder, out);
  const landmarks = 'face_landmarker.task';
  // Absent where it could not be had; face-api finds the faces then.
  await cp(inRepo('dist/embed/static/faces', landmarks), join(out, 'assets', landmarks)).catch(() => undefined);
  await cp(PHOTO, join(out, 'photo.jpg'));
}

const BUNDLERS = {
  async vite(root, outDir) {
    const { build } = await import('vite');
    await build({
      configFile: false,
      root,
      logLevel: 'error',
      define: { WORKER_URL: 'undefined' },
      worker: { format: 'es' },
      build: { outDir, emptyOutDir: true, chunkSizeWarningLimit: 4000 },
    });
  },
  async webpack(root, outDir) {
    const { default: webpack } = await import('webpack');
    const compiler = webpack({
      context: root,
      mode: 'production',
      devtool: false,
      // What is tested is whether files are found: minifying takes a minute and finds none.
      optimization: { minimize: false },
      entry: './main.js',
      output: { path: outDir, filename: 'main.js', publicPath: '/' },
      plugins: [new webpack.DefinePlugin({ WORKER_URL: 'undefined' })],
      performance: false,
    });
    const stats = await promisify(compiler.run.bind(compiler))();
    if (stats.hasErrors()) throw new Error(stats.toString({ all: false, errors: true }));
    await promisify(compiler.close.bind(compiler))();
    await cp(join(root, 'index.html'), join(outDir, 'index.html'));
  },
  /** Follows no `new URL(...)`: the worker is an entry of its own, and the application names it. */
  async esbuild(root, outDir) {
    const { build } = await import('esbuild');
    await build({
      absWorkingDir: root,
      entryPoints: { main: './main.js', worker: 'swinface/worker' },
      outdir: outDir,
      bundle: true,
      splitting: true,
      format: 'esm',
      minify: true,
      target: 'es2022',
      define: { WORKER_URL: '"/worker.js"' },
      logLevel: 'error',
    });
    await cp(join(root, 'index.html'), join(outDir, 'index.html'));
  },
};

/**
 * Serves the stranger's application with Vite's development server, which bundles nothing but dependencies.
 *
 * @param {string} folder where the packages are installed
 * @returns {Promise<{ url: string, close(): Promise<void> }>} `url` ends in a slash
 */
export async function serveWithVite(folder) {
  const { createServer } = await import('vite');
  const root = join(folder, 'vite-dev');
  await rm(root, { recursive: true, force: true });
  await cp(join(HERE, 'app'), root, { recursive: true });
  await writeFile(join(root, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await copyAssets(folder, join(root, 'public'));
  const server = await createServer({
    configFile: false,
    root,
    logLevel: 'error',
    define: { WORKER_URL: 'undefined' },
    worker: { format: 'es' },
    // Of a first visit, as after every update of a package.
    cacheDir: join(root, '.vite'),
    // Packages are installed one folder above; an application has them in its own, which Vite allows by itself.
    server: { host: '127.0.0.1', port: 0, fs: { allow: [folder] } },
  });
  await server.listen();
  const { port } = server.httpServer.address();
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

/** The first block of code in one language of the guide's quick start. */
async function quickStartBlock(language) {
  const text = await readFile(inRepo('docs/guide/quick-start.md'), 'utf8');
  const block = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(text)?.[1];
  if (block === undefined) throw new Error(`The quick start has no block of ${language}`);
  return block;
}

const VITE_INDEX = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="UTF-8" />
    <title>vite-project</title>
  </head>
  <body>
    <div id="app"></div>
    <script type="module" src="/src/main.ts"></script>
  </body>
</html>
`;

/**
 * A fresh application as `create-vite` makes it, with the commands and the lines of the guide's quick start and nothing else.
 *
 * @param {string} folder where the packages are installed
 * @returns {Promise<{ out: string, installed: readonly string[] }>} folder to serve; the packages that the guide installs
 */
export async function quickStart(folder) {
  const root = join(folder, 'quick-start');
  await rm(root, { recursive: true, force: true });
  await mkdir(join(root, 'src'), { recursive: true });
  await mkdir(join(root, 'public'));
  await writeFile(join(root, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await writeFile(join(root, 'index.html'), VITE_INDEX);
  await writeFile(join(root, 'src/main.ts'), await quickStartBlock('ts'));
  await cp(PHOTO, join(root, 'public/photo.jpg'));
  const [install = '', assets = '', ...rest] = (await quickStartBlock('sh')).trim().split('\n');
  const [, target] = /^npx swinface-assets (\S+)$/.exec(assets) ?? [];
  const [, packages] = /^npm install (.+)$/.exec(install) ?? [];
  if (target === undefined || packages === undefined || rest.length > 0) throw new Error(`Not two commands: ${assets}`);
  await runAssets(folder, root, target);
  const { build } = await import('vite');
  await build({ root, logLevel: 'error', build: { chunkSizeWarningLimit: 4000 } });
  return { out: join(root, 'dist'), installed: packages.split(' ') };
}

/** Names of the bundlers that {@link bundle} knows. */
export const BUNDLER_NAMES = Object.keys(BUNDLERS);

/**
 * Bundles the stranger's application.
 *
 * @param {string} name of the bundler
 * @param {string} folder where the packages are installed
 * @returns {Promise<string>} folder to serve
 */
export async function bundle(name, folder) {
  const root = join(folder, name);
  const out = join(folder, `${name}-out`);
  await rm(root, { recursive: true, force: true });
  await rm(out, { recursive: true, force: true });
  await cp(join(HERE, 'app'), root, { recursive: true });
  await writeFile(join(root, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await BUNDLERS[name](root, out);
  await copyAssets(folder, out);
  return out;
}
