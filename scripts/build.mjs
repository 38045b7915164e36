/** Builds the packages, then the example pages that consume them as strangers do, through their `exports`. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildPackage, PAGE_PACKAGES } from './lib/build-package.mjs';
import { buildEmbed, buildPages } from './lib/build-pages.mjs';
import { pageModel } from './lib/page-model.mjs';
import { runTool } from './lib/process.mjs';
import { inRepo, isMain, main, ROOT, say, since, UserError } from './lib/repo.mjs';

const STAMP = '.cache/build-stamp';
const SOURCES = [
  ...PAGE_PACKAGES.map((name) => `packages/${name}`),
  'packages/testing/src',
  'examples',
  'models',
  'scripts',
];
const FILES = ['package-lock.json'];

/** One hash over names, sizes and times of everything that the build reads. */
async function fingerprint() {
  const lines = [];
  const add = async (path) => {
    const info = await stat(path);
    lines.push(`${path.slice(ROOT.length)} ${info.size} ${info.mtimeMs}`);
  };
  for (const folder of SOURCES) {
    const entries = await readdir(inRepo(folder), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && !/[\\/](dist|test|node_modules|untrained)[\\/]/.test(path)) await add(path);
    }
  }
  for (const file of FILES) await add(inRepo(file));
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}

/**
 * Builds what changed since the last build: nothing, or everything.
 *
 * @param {{ types?: boolean }} [options] `types`: also check types and write the .d.ts files
 */
export async function build({ types = true } = {}) {
  const stamp = `${await fingerprint()} `;
  const last = await readFile(inRepo(STAMP), 'utf8').catch(() => '');
  const built = await stat(inRepo('dist/site/photo/index.html')).catch(() => undefined);
  if (built && last.startsWith(stamp) && (!types || last.endsWith('types'))) {
    say.done('build is up to date');
    return;
  }
  say.step('Building');
  const start = performance.now();
  for (const name of PAGE_PACKAGES) await buildPackage(name);
  say.done(`packages ${PAGE_PACKAGES.join(', ')} in ${since(start)}`);
  const pagesStart = performance.now();
  const model = await pageModel();
  await buildPages(model);
  await buildEmbed(model);
  say.done(`example pages in ${since(pagesStart)}`);
  if (types) {
    const typesStart = performance.now();
    const code = await runTool('typescript/bin/tsc', ['-b', ...PAGE_PACKAGES.map((name) => `packages/${name}`)]);
    if (code !== 0) throw new UserError('The types of the packages do not check (see above).');
    say.done(`types in ${since(typesStart)}`);
  }
  await mkdir(inRepo('.cache'), { recursive: true });
  await writeFile(inRepo(STAMP), stamp + (types ? 'types' : ''));
}

if (isMain(import.meta.url)) await main(() => build());
