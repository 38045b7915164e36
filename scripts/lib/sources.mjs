import { inRepo } from './repo.mjs';

/** Tests and scripts read the packages' sources; pages and strangers read their built `dist`. */
export const SOURCE_ALIASES = [
  {
    find: /^@swinface\/core\/(webgpu|wasm|tfjs|onnx|reference)$/,
    replacement: inRepo('packages/core/src/executors/$1/index.ts'),
  },
  {
    find: /^@swinface\/(alignment|core|geometry|postprocessing)\/([\w-]+)$/,
    replacement: inRepo('packages/$1/src/$2/index.ts'),
  },
  {
    find: /^@swinface\/(core|alignment|geometry|postprocessing|trainer|testing|widget)$/,
    replacement: inRepo('packages/$1/src/index.ts'),
  },
  { find: /^@swinface\/widget\/(\w+)$/, replacement: inRepo('packages/widget/src/$1.ts') },
  { find: /^swinface$/, replacement: inRepo('packages/swinface/src/index.ts') },
];

let environment;

/** One runner for the whole process; unlike Vite's `runnerImport` it stays open, so that modules can import later. */
async function runner() {
  environment ??= (async () => {
    const { createRunnableDevEnvironment, resolveConfig } = await import('vite');
    const config = {
      configFile: false,
      envDir: false,
      root: inRepo(),
      logLevel: 'warn',
      cacheDir: inRepo('.cache/vite'),
      resolve: { alias: SOURCE_ALIASES },
      environments: {
        source: {
          consumer: 'server',
          dev: { moduleRunnerTransform: true },
          resolve: { external: true, mainFields: [], conditions: ['node'] },
        },
      },
    };
    const created = createRunnableDevEnvironment('source', await resolveConfig(config, 'serve'), {
      runnerOptions: { hmr: false },
      hot: false,
    });
    await created.init();
    return created;
  })();
  return (await environment).runner;
}

/**
 * Imports a TypeScript module of this repository without a build.
 *
 * @param {string} path relative to the repository's root
 */
export const importSource = async (path) => (await runner()).import(inRepo(path));
