import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { inRepo } from './repo.mjs';

const NAME = 'service-worker.js';
/** The SDK keeps models by itself, and the browser its service worker. */
const NOT_KEPT = new RegExp(`^(assets/(models|untrained)/|${NAME}$)`);
const REFERENCES = { '.html': /(?:src|href)="(\.{1,2}\/[^"]+)"/g, '.css': /url\(["']?([^"')]+)["']?\)/g };

/** Every file of a built site with its SHA-256, as Subresource Integrity writes it. */
async function hashes(site) {
  const entries = await readdir(site, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      posix.relative(site.replaceAll('\\', '/'), join(entry.parentPath, entry.name).replaceAll('\\', '/')),
    )
    .filter((path) => !NOT_KEPT.test(path))
    .sort();
  const files = {};
  for (const path of paths) {
    const content = await readFile(join(site, path));
    files[path] = `sha256-${createHash('sha256').update(content).digest('base64')}`;
  }
  return files;
}

/** Pages with the scripts, styles and fonts that their markup names, which is what a browser needs to show them. */
async function shellOf(site, files) {
  const shell = new Set(Object.keys(files).filter((path) => path.endsWith('.html')));
  for (const path of shell) {
    const pattern = REFERENCES[posix.extname(path)];
    if (!pattern) continue;
    const text = await readFile(join(site, path), 'utf8');
    for (const [, target] of text.matchAll(pattern)) {
      const named = posix.join(posix.dirname(path), target);
      // A set hands out what is added to it on the way: style sheets are read in their turn.
      if (named in files) shell.add(named);
    }
  }
  return [...shell];
}

/**
 * Builds the service worker of the example pages beside them, knowing every file of this build.
 *
 * @param {string} site folder of the built pages, complete but for the service worker
 */
export async function buildServiceWorker(site) {
  const { build } = await import('vite');
  const files = await hashes(site);
  const shell = await shellOf(site, files);
  const hash = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16);
  const { output } = await build({
    configFile: false,
    root: inRepo('examples/offline'),
    logLevel: 'warn',
    publicDir: false,
    define: { __BUILD__: JSON.stringify(hash), __FILES__: JSON.stringify(files), __SHELL__: JSON.stringify(shell) },
    build: {
      write: false,
      target: 'es2022',
      rolldownOptions: { input: inRepo('examples/offline/service-worker.ts'), output: { format: 'iife' } },
    },
  });
  const [chunk] = output;
  // At the root, or it would not be allowed to answer for the pages.
  await writeFile(join(site, NAME), chunk.code);
}
