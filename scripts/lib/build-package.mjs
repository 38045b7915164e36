import { readdir, readFile, rm } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { inRepo, UserError } from './repo.mjs';

/** The packages that the pages are made of, each after those it depends on. */
export const PAGE_PACKAGES = ['core', 'alignment', 'postprocessing', 'swinface', 'widget'];

/** What the compiler writes for syntax that browsers lack, such as `using`: bundled, since nobody declares it. */
const COMPILER_HELPERS = '@oxc-project/runtime';

/** `dist/webgpu/index.js` of the package's exports comes from `src/webgpu/index.ts`. */
function entriesOf(manifest) {
  const targets = Object.values(manifest.exports).flatMap((target) => target.default ?? []);
  return Object.fromEntries(
    targets.map((target) => {
      const name = /^\.\/dist\/(.+)\.js$/.exec(target)?.[1];
      if (!name) throw new UserError(`${manifest.name} exports ${target}; expected ./dist/NAME.js`);
      return [name, `src/${name}.ts`];
    }),
  );
}

/** Dependencies stay imports. A bare import that package.json does not declare would break for strangers: refuse it. */
function externals(manifest) {
  const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
  return (id) => {
    if (/^[./\0]/.test(id) || /^[a-z]:[\\/]/i.test(id)) return false;
    if (id.startsWith('node:') || builtinModules.includes(id)) return true;
    const name = id.split('/', id.startsWith('@') ? 2 : 1).join('/');
    if (name === COMPILER_HELPERS) return false;
    if (name === manifest.name || declared.has(name)) return true;
    throw new UserError(`${manifest.name} imports ${id}, but its package.json does not declare ${name}`);
  };
}

/**
 * Leaves `new URL('../worker.js', import.meta.url)` as it is, for the application's bundler to find the file: Vite itself
 * would put a bundle of it, with all of its dependencies, into the library. The file has to be where it says.
 */
const keepFileUrls = () => ({
  name: 'keep-file-urls',
  enforce: 'pre',
  // Of the same length, so that source maps stay right.
  transform: (code) =>
    code.includes('import.meta.url')
      ? { code: code.replaceAll('import.meta.url', 'import_meta_url'), map: null }
      : undefined,
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue;
      chunk.code = chunk.code.replaceAll('import_meta_url', 'import.meta.url');
      for (const [, file] of chunk.code.matchAll(/new URL\(["'](.+?\.js)["'], import\.meta\.url\)/g)) {
        const { pathname } = new URL(file, `file:///${chunk.fileName}`);
        if (!bundle[pathname.slice(1)]) throw new UserError(`${chunk.fileName} names ${file}, which is not built`);
      }
    }
  },
});

/** Removes an earlier build's JavaScript and leaves the types, which tsc keeps track of by itself. */
async function removeScripts(dist) {
  const entries = await readdir(dist, { recursive: true, withFileTypes: true }).catch(() => []);
  const scripts = entries.filter((entry) => entry.isFile() && /\.js(\.map)?$/.test(entry.name));
  await Promise.all(scripts.map((entry) => rm(join(entry.parentPath, entry.name), { force: true })));
}

/** Bundles `packages/NAME` to ES modules, one file per entry of its `exports`, shaders inlined. */
export async function buildPackage(name) {
  // Imported here because set-up may only just have installed it.
  const { build } = await import('vite');
  const root = inRepo('packages', name);
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  await removeScripts(join(root, 'dist'));
  await build({
    configFile: false,
    root,
    base: './',
    logLevel: 'warn',
    publicDir: false,
    plugins: [keepFileUrls()],
    build: {
      lib: { entry: entriesOf(manifest), formats: ['es'] },
      outDir: 'dist',
      emptyOutDir: false,
      minify: false,
      sourcemap: true,
      target: 'es2022',
      rolldownOptions: {
        external: externals(manifest),
        output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  });
}
