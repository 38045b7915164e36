import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SOURCE_ALIASES } from '../../../../scripts/lib/sources.mjs';

// Inside the repository, so that the npm packages that stay imports are found.
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(fileURLToPath(new URL('../../.import-', import.meta.url)));
  await build({
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    resolve: { alias: SOURCE_ALIASES },
    build: {
      lib: { entry: fileURLToPath(new URL('../../src/index.ts', import.meta.url)), formats: ['es'] },
      outDir: folder,
      minify: false,
      rolldownOptions: {
        // The worker's client is loaded where there are workers only, which plain Node has none of.
        external: [/^@mediapipe\//, /^@tensorflow\//, /^@vladmandic\//, /^valibot$/, /worker\/client\.js$/],
        output: { entryFileNames: 'swinface.mjs', chunkFileNames: '[name].mjs' },
      },
    },
  });
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const SCRIPT = `
  const before = new Set(Reflect.ownKeys(globalThis));
  const trap = (name) => { globalThis[name] = () => { throw new Error(name + ' was called'); }; };
  for (const name of ['fetch', 'setTimeout', 'setInterval']) trap(name);
  const { FaceAnalyzer } = await import('./swinface.mjs');
  const added = Reflect.ownKeys(globalThis).filter((key) => !before.has(key)).map(String);
  console.log(JSON.stringify({ type: typeof FaceAnalyzer.create, added }));
`;

it('is imported in plain Node without globals, requests, timers or output', async () => {
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', SCRIPT], {
    cwd: folder,
    timeout: 20_000,
  });
  // That it returns at all says that nothing keeps the process alive.
  const { stdout, stderr } = await run;
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ type: 'function', added: [] });
});
