/**
 * npm run drawings [-- --check]
 *
 * Draws what imports what, packages first and then the rooms of each, into docs/guide/imports.md. With `--check` it
 * writes nothing and exits with 1 where the drawings are not those of the sources; `npm run check` does that.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { importsBetweenRooms } from './lib/folders.mjs';
import { inRepo, main, say } from './lib/repo.mjs';

const PAGE = 'docs/guide/imports.md';

/** Edges that follow from others, `a --> c` beside `a --> b --> c`, say nothing new and make a drawing hard to read. */
function reduced(edges) {
  const reaches = (from, to, seen = new Set()) =>
    [...(edges.get(from) ?? [])].some((next) => {
      if (next === to) return true;
      if (seen.has(next)) return false;
      seen.add(next);
      return reaches(next, to, seen);
    });
  const lines = [];
  for (const [from, targets] of [...edges].sort()) {
    for (const to of [...targets].sort()) {
      const around = [...targets].some((other) => other !== to && reaches(other, to));
      if (!around) lines.push([from, to]);
    }
  }
  return lines;
}

/** A Mermaid drawing of edges and of nodes without any. */
function drawing(nodes, edges) {
  const id = (name) => `n${nodes.indexOf(name)}`;
  return [
    '```mermaid',
    'flowchart TD',
    ...nodes.map((name) => `  ${id(name)}["${name}"]`),
    ...reduced(edges).map(([from, to]) => `  ${id(from)} --> ${id(to)}`),
    '```',
  ].join('\n');
}

/** What can be installed, by its name: the folder, and the package.json that says what may be imported. */
async function publicPackages() {
  const manifests = new Map();
  for (const name of (await readdir(inRepo('packages'))).sort()) {
    const path = inRepo('packages', name, 'package.json');
    if (!existsSync(path)) continue;
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    if (!manifest.private) manifests.set(manifest.name, { folder: name, manifest });
  }
  return manifests;
}

/** The page: one drawing of the packages and one of each package that has more than one room. */
async function page() {
  const manifests = await publicPackages();
  const between = new Map();
  for (const [name, { manifest }] of manifests) {
    const wanted = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    between.set(name, new Set(wanted.filter((dependency) => manifests.has(dependency))));
  }
  const parts = [
    '# What imports what',
    'Written by `npm run drawings`; do not edit. An arrow says "imports"; one that follows from others is left out. No package,\n' +
      'and no folder inside a package, imports another that imports it: `npm run check` fails where one does.',
    drawing([...manifests.keys()], between),
  ];
  for (const [name, { folder }] of manifests) {
    const src = inRepo('packages', folder, 'src');
    if (!existsSync(src)) continue;
    const edges = await importsBetweenRooms(src);
    // What only hands on what others export would hang above everything.
    edges.delete('index.ts');
    const nodes = [...new Set([...edges].flatMap(([from, targets]) => [from, ...targets]))].sort();
    if (nodes.length > 1) parts.push(`## ${name}`, `\`packages/${folder}/src\``, drawing(nodes, edges));
  }
  return `${parts.join('\n\n')}\n`;
}

await main(async () => {
  const wanted = await page();
  if (process.argv.includes('--check')) {
    const current = await readFile(inRepo(PAGE), 'utf8').catch(() => '');
    if (current === wanted) return 0;
    say.fail(`${PAGE} does not show the imports as they are: npm run drawings`);
    return 1;
  }
  await writeFile(inRepo(PAGE), wanted);
  say.done(`${PAGE} written`);
  return 0;
});
