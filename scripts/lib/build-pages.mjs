import { inRepo } from './repo.mjs';

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
    worker: { format: 'es' },
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
}
