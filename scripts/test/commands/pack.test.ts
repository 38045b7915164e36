import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { inRepo } from '../../lib/repo.mjs';
import { promisedFiles } from '../../lib/strangers.mjs';
import { succeed } from '../support/command.js';

test('npm pack builds what it packs, types included, whatever was built before', async () => {
  await rm(inRepo('packages/geometry/dist'), { recursive: true, force: true });
  const { stdout } = await succeed('npm', ['pack', '--dry-run', '--json'], inRepo('packages/geometry'));
  const [{ files }] = JSON.parse(stdout.slice(stdout.indexOf('[')));
  const packed = files.map(({ path }: { path: string }) => path);
  expect(packed).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'LICENSE', 'README.md']));
});

test('what a package.json promises is its entries, their types, its programs and its folders', () => {
  const manifest = {
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' }, './data.json': './data.json' },
    bin: { tool: './bin/tool.mjs' },
    files: ['dist', '!dist/.tsbuildinfo', 'recipes'],
  };
  const files = ['dist/index.d.ts', 'dist/index.js', 'data.json', 'bin/tool.mjs', 'dist', 'recipes'];
  expect(promisedFiles(manifest)).toEqual(files);
});
