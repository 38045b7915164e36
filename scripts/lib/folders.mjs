import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { inRepo } from './repo.mjs';

/** A relative module of an import, an export from, a dynamic import, or an import of types. */
const IMPORTED = /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"?]+)/g;

/** The source files of a folder and of the folders in it. */
async function sourcesIn(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Every pair of source files of which the first imports the second. */
async function importsIn(folder) {
  const pairs = [];
  for (const file of await sourcesIn(folder)) {
    for (const [, module] of (await readFile(file, 'utf8')).matchAll(IMPORTED)) {
      const target = join(dirname(file), module.replace(/\.js$/, '.ts'));
      if (/\.tsx?$/.test(target) && existsSync(target)) pairs.push([file, target]);
    }
  }
  return pairs;
}

/**
 * Folder and file, or two folders, that lie side by side and that an import connects: `src/a/b.ts` importing
 * `src/c/d/e.ts` connects `src/a` with `src/c`. A folder and what lies in it are one room, and do not count.
 */
function siblings(file, target) {
  const [from, to] = [file.split(/[\\/]/), target.split(/[\\/]/)];
  let shared = 0;
  while (from[shared] === to[shared]) shared++;
  return [from.slice(0, shared + 1).join('/'), to.slice(0, shared + 1).join('/')];
}

/** The shortest way of imports from one node to another; undefined if there is none. */
function way(edges, start, end) {
  const queue = [[start]];
  const seen = new Set([start]);
  for (let path = queue.shift(); path; path = queue.shift()) {
    for (const next of edges.get(path.at(-1))?.keys() ?? []) {
      if (next === end) return [...path, next];
      if (!seen.has(next)) queue.push([...path, next]);
      seen.add(next);
    }
  }
  return undefined;
}

/**
 * Circles of imports between folders. Imports of types count: they tie two folders together as others do.
 *
 * @param {string} src folder of a package's sources
 * @returns one message a circle, with an import for every step of it
 */
export async function folderCircles(src) {
  const edges = new Map();
  for (const [file, target] of await importsIn(src)) {
    const [from, to] = siblings(relative(inRepo(), file), relative(inRepo(), target));
    const targets = edges.get(from) ?? edges.set(from, new Map()).get(from);
    if (!targets.has(to)) targets.set(to, `${relative(inRepo(), file)} imports ${relative(inRepo(), target)}`);
  }
  const messages = new Map();
  for (const start of [...edges.keys()].sort()) {
    const circle = way(edges, start, start);
    if (!circle) continue;
    const steps = circle.slice(1).map((to, i) => `  ${edges.get(circle[i]).get(to)}`);
    const key = [...new Set(circle)].sort().join();
    if (!messages.has(key)) messages.set(key, `${circle.join(' -> ')}\n${steps.join('\n')}`);
  }
  return [...messages.values()];
}

/**
 * Which folders and files directly in `src` import which others there.
 *
 * @param {string} src folder of a package's sources
 * @returns {Promise<Map<string, Set<string>>>}
 */
export async function importsBetweenRooms(src) {
  const edges = new Map();
  for (const [file, target] of await importsIn(src)) {
    const [from = '', to = ''] = [file, target].map((path) => relative(src, path).split(/[\\/]/)[0]);
    if (from !== to) edges.set(from, (edges.get(from) ?? new Set()).add(to));
  }
  return edges;
}

/** Circles of imports between folders in all packages. */
export async function allFolderCircles() {
  const packages = await readdir(inRepo('packages'));
  const sources = packages.map((name) => inRepo('packages', name, 'src')).filter((src) => existsSync(src));
  return (await Promise.all(sources.map(folderCircles))).flat();
}
