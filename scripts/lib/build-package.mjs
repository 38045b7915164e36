import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join, posix, relative } from 'node:path';
import { inRepo, UserError } from './repo.mjs';
import { refuseImportsOf } from './worker-entry.mjs';

/** The packages that the pages are made of, each after those it depends on. */
export const PAGE_PACKAGES = ['geometry', 'core', 'alignment', 'postprocessing', 'swinface', 'widget'];

/** What the compiler writes for syntax that browsers lack, such as `using`: bundled, since nobody declares it. */
const COMPILER_HELPERS = '@oxc-project/runtime';

/** `dist/executors/webgpu/index.js` of the package's exports comes from `src/executors/webgpu/index.ts`. */
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

/** A file of the package that is named by its address (a worker, a script for another process), and the same on its way through the bundler. */
const FILE_URL = /new URL\(["'](\.{1,2}\/.+?\.js)["'], import\.meta\.url\)/g;
const PLACEHOLDER = /new URL\("src:(.+?)", import_meta_url\)/g;

/** A built file and all that it imports, sooner or later. */
function importedBy(bundle, file, seen = new Set()) {
  if (seen.has(file) || !bundle[file]) return seen;
  seen.add(file);
  for (const next of [...bundle[file].imports, ...bundle[file].dynamicImports]) importedBy(bundle, next, seen);
  return seen;
}

/**
 * Leaves `new URL('./worker.js', import.meta.url)` for the application's bundler to find the file: Vite itself would put a
 * bundle of it, with all of its dependencies, into the library. In the source it is relative to the module that names it,
 * in the build to the chunk which that module ended up in.
 *
 * @param {string} src folder of the sources
 * @param {Record<string, string>} entries source files by the name of what is built from them
 */
const keepFileUrls = (src, entries) => ({
  name: 'keep-file-urls',
  enforce: 'pre',
  transform(code, id) {
    if (!code.includes('import.meta.url')) return undefined;
    const kept = code.replaceAll(FILE_URL, (whole, file) => {
      const source = join(dirname(id), file.replace(/\.js$/, '.ts'));
      if (!existsSync(source)) return whole;
      const name = relative(src, source).replaceAll('\\', '/').replace(/\.ts$/, '');
      if (!(name in entries)) this.emitFile({ type: 'chunk', id: source, fileName: `${name}.js` });
      return `new URL("src:${name}.js", import_meta_url)`;
    });
    return { code: kept.replaceAll('import.meta.url', 'import_meta_url'), map: null };
  },
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue;
      chunk.code = chunk.code.replaceAll(PLACEHOLDER, (_, file) => {
        if (!bundle[file]) throw new UserError(`${chunk.fileName} names ${file}, which is not built`);
        refuseImportsOf(bundle, file);
        if (importedBy(bundle, file).has(chunk.fileName)) {
          throw new UserError(
            `${chunk.fileName} names ${file}, which imports it: Turbopack waits for ever for such a script`,
          );
        }
        const path = posix.relative(posix.dirname(chunk.fileName), file);
        return `new URL("${path.startsWith('.') ? path : `./${path}`}", import_meta_url)`;
      });
      chunk.code = chunk.code.replaceAll('import_meta_url', 'import.meta.url');
    }
  },
});

/**
 * Shaders without comments, line breaks and spaces beside brackets and separators, which every visitor would download.
 * Spaces beside operators stay: `a - -b` is not `a--b`.
 */
const plainShaders = {
  name: 'plain-shaders',
  enforce: 'pre',
  async load(id) {
    if (!id.endsWith('.wgsl?raw')) return undefined;
    const text = await readFile(id.slice(0, -'?raw'.length), 'utf8');
    const words = text
      .replaceAll(/\/\/.*$/gm, '')
      .trim()
      .replaceAll(/\s+/g, ' ');
    return `export default ${JSON.stringify(`${words.replaceAll(/ ?([{}()[\],;:]) ?/g, '$1')}\n`)};`;
  },
};

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
  const entries = entriesOf(manifest);
  await removeScripts(join(root, 'dist'));
  await build({
    configFile: false,
    root,
    base: './',
    logLevel: 'warn',
    publicDir: false,
    plugins: [plainShaders, keepFileUrls(join(root, 'src'), entries)],
    build: {
      lib: { entry: entries, formats: ['es'] },
      outDir: 'dist',
      emptyOutDir: false,
      minify: false,
      sourcemap: true,
      target: 'es2022',
      rolldownOptions: {
        // "use client" of the React wrapper is kept; the fixture for Next.js would notice otherwise.
        checks: { moduleLevelDirective: false },
        external: externals(manifest),
        output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  });
}
