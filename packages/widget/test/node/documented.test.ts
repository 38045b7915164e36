import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { en } from '../../src/strings/en.js';
import type { CardState } from '../../src/strings/types.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const committed = JSON.parse(read('custom-elements.json'));
const [element] = committed.modules[0].declarations;
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name).sort();
const found = (text: string, pattern: RegExp) =>
  [...new Set([...text.matchAll(pattern)].map((match) => match[1]))].sort();

test('custom-elements.json says what the element’s own documentation says', () => {
  const out = mkdtempSync(join(tmpdir(), 'swin-face-'));
  try {
    const analyzer = join(
      dirname(createRequire(import.meta.url).resolve('@custom-elements-manifest/analyzer/package.json')),
      'cem.js',
    );
    const config = 'custom-elements-manifest.config.mjs';
    execFileSync(
      process.execPath,
      [analyzer, 'analyze', '--quiet', '--config', config, '--outdir', relative(ROOT, out)],
      {
        cwd: ROOT,
      },
    );
    expect(JSON.parse(readFileSync(join(out, 'custom-elements.json'), 'utf8'))).toEqual(committed);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test('every part, slot, property and event that exists is documented, and nothing else', () => {
  const view = read('src/view.ts') + read('src/explanation/view.ts');
  const cards: CardState[] = Object.keys(en.cards) as CardState[];
  expect(names(element.cssParts)).toEqual(found(view, /part(?:="|\.add\(')([\w-]+)/g));
  expect(names(element.slots)).toEqual(['media', 'ready', ...cards].sort());
  expect(names(element.cssProperties)).toEqual(found(read('src/styles.ts'), /var\((--swin-face-[\w-]+)/g));
  expect(names(element.events)).toEqual(found(read('src/element.ts'), /CustomEvent(?:<\w+>)?\('(swin-\w+)'/g));
  for (const list of ['attributes', 'members', 'events', 'slots', 'cssParts', 'cssProperties']) {
    for (const { name, description } of element[list]) expect(description, `${list}: ${name}`).toBeTruthy();
  }
});
