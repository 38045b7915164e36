import { inRepo } from './repo.mjs';

/** Tests and scripts read the packages' sources; pages and strangers read their built `dist`. */
export const SOURCE_ALIASES = [
  { find: /^@swinface\/core\/(\w+)$/, replacement: inRepo('packages/core/src/$1/index.ts') },
  {
    find: /^@swinface\/(core|alignment|postprocessing|trainer|testing)$/,
    replacement: inRepo('packages/$1/src/index.ts'),
  },
  { find: /^swinface$/, replacement: inRepo('packages/swinface/src/index.ts') },
];

/**
 * Imports a TypeScript module of this repository without a build.
 *
 * @param {string} path relative to the repository's root
 */
export async function importSource(path) {
  const { runnerImport } = await import('vite');
  const { module } = await runnerImport(inRepo(path), {
    root: inRepo(),
    logLevel: 'warn',
    resolve: { alias: SOURCE_ALIASES },
  });
  return module;
}
