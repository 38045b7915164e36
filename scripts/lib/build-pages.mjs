import { cp, mkdir, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { buildServiceWorker } from './offline.mjs';
import { inRepo } from './repo.mjs';
import { workerEntries } from './worker-entry.mjs';

const page = (path) => inRepo('examples', path);

/**
 * Builds the example pages to `dist/site`.
 *
 * @param {{ url: string, untrained: boolean }} model what the pages load by default, relative to the site's root
 */
export async function buildPages(model) {
  const { build } = await import('vite');
  await build({
    configFile: false,
    root: inRepo('examples'),
    // Relative, so that the folder can be served from anywhere.
    base: './',
    logLevel: 'warn',
    publicDir: 'public',
    define: { __MODEL_URL__: JSON.stringify(model.url), __UNTRAINED__: JSON.stringify(model.untrained) },
    worker: { format: 'es', plugins: () => [workerEntries] },
    build: {
      outDir: inRepo('dist/site'),
      emptyOutDir: true,
      assetsDir: 'code',
      // Data URLs would need holes in the Content-Security-Policy.
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 2000,
      target: 'es2022',
      rolldownOptions: { input: [page('index.html'), page('photo/index.html'), page('webcam/index.html')] },
    },
  });
  await buildServiceWorker(inRepo('dist/site'));
}

/**
 * Builds the page of a stranger to `dist/embed`: nothing in it lies where this project's own pages have it.
 *
 * @param {{ url: string }} model as for {@link buildPages}
 */
export async function buildEmbed(model) {
  const { build } = await import('vite');
  const out = inRepo('dist/embed');
  await build({
    configFile: false,
    root: inRepo('examples/embed'),
    base: '/',
    logLevel: 'warn',
    publicDir: false,
    worker: { format: 'es', plugins: () => [workerEntries] },
    build: {
      outDir: out,
      emptyOutDir: true,
      assetsDir: 'static/app',
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 2000,
      target: 'es2022',
    },
  });
  const assets = inRepo('examples/public/assets');
  await mkdir(`${out}/static/faces`, { recursive: true });
  for (const name of await readdir(assets)) {
    if (/^(mediapipe|face-api|tfjs|face_landmarker\.task)$/.test(name)) {
      await cp(`${assets}/${name}`, `${out}/static/faces/${name}`, { recursive: true });
    }
  }
  await cp(dirname(inRepo('examples/public', model.url)), `${out}/static/models`, { recursive: true });
  await cp(`${assets}/samples/sample3.jpg`, `${out}/pictures/team.jpg`);
}
