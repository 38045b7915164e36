import { execFile } from 'node:child_process';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inRepo } from '../../scripts/lib/repo.mjs';

const HERE = inRepo('e2e/bundlers');

/**
 * Puts what the SDK loads beside its code where its defaults say, with the SDK's own tool.
 *
 * @param {string} folder where the packages are installed
 * @param {string} out what is served
 */
export async function copyAssets(folder, out) {
  const assets = inRepo('dist/embed/static');
  const copy = join(folder, 'node_modules/.bin/swinface-assets');
  await promisify(execFile)(process.execPath, [copy, join(out, 'assets')], { cwd: folder });
  const landmarks = 'face_landmarker.task';
  // Absent where it could not be had; face-api finds the faces then.
  await cp(join(assets, 'faces', landmarks), join(out, 'assets', landmarks)).catch(() => undefined);
  await cp(join(assets, 'models'), join(out, 'models'), { recursive: true });
  await cp(inRepo('dist/embed/pictures/team.jpg'), join(out, 'photo.jpg'));
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
