/** What the documents name must exist: paths, headings, commands and their options. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inRepo, ROOT } from '../../lib/repo.mjs';

const IGNORED = /(^|\/)(node_modules|dist|\.git|\.cache|test-results|runs)(\/|$)|^examples\/public\/assets/;

/** Every file of the repository that is not made by a tool, relative to its root. */
async function allFiles(folder = ''): Promise<string[]> {
  const entries = await readdir(join(ROOT, folder), { withFileTypes: true });
  const found = await Promise.all(
    entries.map((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      return IGNORED.test(path) ? [] : entry.isDirectory() ? allFiles(path) : [path];
    }),
  );
  return found.flat();
}
const files = await allFiles();
const folders = new Set(files.flatMap((file) => parents(file)));
const names = new Set(files.map((file) => basename(file)));

function parents(path: string): string[] {
  const parent = dirname(path);
  return parent === '.' ? [] : [parent, ...parents(parent)];
}

/** Documents that people read to work with what is here now; decisions speak of their day. */
const DOCUMENTS = files.filter(
  (file) =>
    /^(README|CONTRIBUTING)\.md$|^(docs\/guide|bench|models|\.changeset|\.github)\/.*\.md$|^packages\/\w+\/README\.md$/.test(
      file,
    ) && file !== 'docs/guide/imports.md',
);
const read = (document: string) => readFile(inRepo(document), 'utf8');

/** Code between backticks, on a line of its own or in a sentence. */
const codeIn = (text: string): string[] => [
  ...[...text.matchAll(/^```(?:sh)?\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.split('\n')),
  ...[...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code),
];

/** GitHub's anchor of a heading. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

test('there are documents', () => {
  expect(DOCUMENTS).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/guide/quick-start.md']));
});

describe.each(DOCUMENTS)('%s', (document) => {
  test('links to files and headings that exist', async () => {
    const broken: string[] = [];
    for (const [, link = ''] of (await read(document)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^\w+:/.test(link)) continue;
      const [path = '', heading] = link.split('#');
      const target = path === '' ? inRepo(document) : join(dirname(inRepo(document)), path);
      if (!existsSync(target)) broken.push(link);
      else if (heading !== undefined) {
        const headings = [...(await readFile(target, 'utf8')).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
          anchor(text),
        );
        if (!headings.includes(heading)) broken.push(link);
      }
    }
    expect(broken).toEqual([]);
  });

  test('names paths that exist', async () => {
    const known = (path: string) => files.includes(path) || folders.has(path);
    // From the root, beside the document, or in the sources of the document's package.
    const bases = ['', dirname(document), `${dirname(document)}/src`];
    const missing = codeIn(await read(document))
      .flatMap((code) => code.replaceAll(/\S*[{*<]\S*/g, '').split(/[\s,;()'"|]+/))
      .map((word) => word.replace(/^\.\/|[/.:]$/g, ''))
      .filter((word) => {
        if (!/^[\w.@-]+(\/[\w.@-]+)*$/.test(word) || /^[\d.]+$/.test(word)) return false;
        const [top = ''] = word.split('/');
        const rooted = /^(packages|docs|e2e|bench|scripts|examples|models|\.ci|\.github|\.changeset)$/.test(top);
        if (rooted && word.includes('/')) return true;
        return /\w\.(ts|mjs|wgsl|py)$/.test(word);
      })
      .filter((word) => !bases.some((base) => known(relative(ROOT, inRepo(base, word)))))
      .filter((word) => word.includes('/') || !names.has(word));
    expect([...new Set(missing)].filter((path) => !MADE.test(path))).toEqual([]);
  });
});

/** How names of files begin that commands of the documents read and write. */
const MADE = /^models\/swinface-(t|nano)(-int8)?(\.json)?$/;

/** What the documents tell people to type: `npm run NAME`, `npx NAME`, `node PATH`, and what follows. */
const COMMANDS = (
  await Promise.all(
    DOCUMENTS.map(async (document) =>
      codeIn((await read(document)).replaceAll(/\\\n\s*/g, ' '))
        .map((code) =>
          code
            .replace(/\s#\s.*$/, '')
            .replace(/^[A-Z_]+=\S* /, '')
            .trim(),
        )
        .filter((code) => /^(npm|npx|node) /.test(code))
        .map((code) => ({ document, code, words: code.split(/\s+/) })),
    ),
  )
).flat();

/** Run by `.ci/run`, by `npm test`, or only by those who publish. */
const NOT_SMOKED = ['check', 'drawings', 'build', 'release'];

describe('commands', () => {
  test('there are some', () => expect(COMMANDS.length).toBeGreaterThan(20));

  test.each(COMMANDS.map(({ document, code, words }) => [document, code, words] as const))(
    '%s: %s',
    async (_, __, [program, first = '', ...rest]) => {
      const { scripts } = JSON.parse(await read('package.json'));
      const options = rest.flatMap((word) => /^\[?(--[a-z][\w-]*)/.exec(word)?.[1] ?? []);
      if (program === 'node') return expect(files).toContain(first);
      if (program === 'npx') {
        expect(existsSync(inRepo('node_modules/.bin', first)) || (await bins()).has(first), `npx ${first}`).toBe(true);
        if (first !== 'swinface-trainer') return;
        return expectOptions(
          options,
          files.filter((file) => /^packages\/trainer\/src\/.*\.ts$/.test(file)),
        );
      }
      if (['start', 'test', 'install', 'create', 'pack', 'ci'].includes(first)) return;
      expect(first).toBe('run');
      const [name = ''] = rest;
      expect(Object.keys(scripts)).toContain(name);
      await expectOptions(
        options,
        files.filter(
          (file) => file === `scripts/${name}.mjs` || (/^bench\/.*\.ts$/.test(file) && /bench|compare/.test(name)),
        ),
      );
      const tests = files.filter((file) => /^scripts\/test\/.*\.test\.ts$/.test(file));
      const smoked = await Promise.all(tests.map(read));
      expect(
        NOT_SMOKED.includes(name) ||
          smoked.some((text) => text.includes(`npmRun('${name}'`) || text.includes(`npm run ${name} gives`)),
        `npm run ${name} in scripts/test`,
      ).toBe(true);
    },
  );
});

/** Commands that our own packages bring. */
async function bins(): Promise<Set<string>> {
  const manifests = files.filter((file) => /^packages\/\w+\/package\.json$/.test(file));
  const all = await Promise.all(manifests.map(async (file) => JSON.parse(await read(file)).bin ?? {}));
  return new Set(all.flatMap((bin) => Object.keys(bin)));
}

/** Every option stands in the sources of the command, in quotes or in its usage. */
async function expectOptions(options: readonly string[], sources: readonly string[]): Promise<void> {
  if (options.length === 0) return;
  const text = (await Promise.all(sources.map(read))).join('\n');
  const unknown = options.filter((option) => !new RegExp(`${option}\\b|\\b${option.slice(2)}: \\{ type`).test(text));
  expect(unknown).toEqual([]);
}
