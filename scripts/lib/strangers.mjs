import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inRepo, UserError } from './repo.mjs';

/** Every package that strangers can install. */
export const PUBLIC_PACKAGES = [
  'geometry',
  'core',
  'alignment',
  'postprocessing',
  'models',
  'swinface',
  'widget',
  'trainer',
];
/** Weights: nothing to build. */
export const DATA_PACKAGES = ['models'];
const TARBALLS = '.cache/packages';

const execute = promisify(execFile);

/** npm without a word, unless it fails. */
async function npm(cwd, args) {
  const program = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  try {
    return (await execute(program, args, { cwd, env, maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    throw new UserError(`npm ${args.join(' ')} failed:\n${error.stderr ?? error.message}`);
  }
}

/** Folder of a public package. */
export const folderOf = (name) => (DATA_PACKAGES.includes(name) ? inRepo(name) : inRepo('packages', name));

/** package.json of a package, parsed. */
export const manifestOf = async (name) => JSON.parse(await readFile(join(folderOf(name), 'package.json'), 'utf8'));

/**
 * Every file that a package.json promises, relative to the package: entries, their types, programs, whole folders.
 *
 * @param {{ exports?: Record<string, string | Record<string, string>>, bin?: Record<string, string>, files?: string[] }} manifest
 * @returns {string[]}
 */
export function promisedFiles({ exports = {}, bin = {}, files = [] }) {
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  const folders = files.filter((entry) => !/[!*]/.test(entry));
  return [...targets, ...Object.values(bin), ...folders].map((path) => path.replace(/^\.\//, ''));
}

/** What a package.json promises and a tarball lacks; a folder counts as there once it holds a file. */
const missingFiles = (manifest, packed) =>
  promisedFiles(manifest).filter((path) => !packed.some((file) => file === path || file.startsWith(`${path}/`)));

/**
 * Packs built packages as they would be published.
 *
 * @param {readonly string[]} [names] folders of the packages; all public ones by default
 * @param {{ types?: boolean }} [options] without `types`, the .d.ts files need not be there: what is packed is only run
 * @returns {Promise<Map<string, string>>} tarballs by the name of their folder
 * @throws {UserError} naming what a package.json promises and the tarball does not hold
 */
export async function packPackages(names = PUBLIC_PACKAGES, { types = true } = {}) {
  const folder = inRepo(TARBALLS);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  // One npm for all of them: its start takes longer than its work.
  const args = ['pack', '--json', '--ignore-scripts', '--silent', '--pack-destination', folder, ...names.map(folderOf)];
  const reports = Object.values(JSON.parse(await npm(inRepo(), args)));
  const tarballs = new Map();
  for (const name of names) {
    const manifest = await manifestOf(name);
    const report = reports.find((entry) => entry.name === manifest.name);
    if (!report) throw new UserError(`npm pack says nothing of ${name}.`);
    const packed = report.files.map(({ path }) => path);
    const missing = missingFiles(manifest, packed).filter((path) => types || !path.endsWith('.d.ts'));
    if (missing.length > 0) throw new UserError(`The tarball of ${name} lacks ${missing.join(', ')}. Build it first.`);
    tarballs.set(name, join(folder, report.filename));
  }
  return tarballs;
}

/**
 * Installs tarballs, and what they depend on, where nothing of this repository can be found by accident. The folder is
 * kept for the next time.
 *
 * @param {string} name of the folder
 * @param {Iterable<string>} tarballs
 * @param {Record<string, string>} [more] other packages, by version
 * @returns {Promise<string>} the folder
 */
export async function strangersFolder(name, tarballs, more = {}) {
  const folder = join(tmpdir(), `swinface-strangers-${userInfo().username}`, name);
  await mkdir(folder, { recursive: true });
  const dependencies = { ...more };
  for (const tarball of tarballs) dependencies[await nameOf(tarball)] = `file:${tarball}`;
  const manifest = { name: `stranger-${name}`, private: true, type: 'module', dependencies };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  // An old lock file would remember what the tarballs held then.
  await rm(join(folder, 'package-lock.json'), { force: true });
  await rm(join(folder, 'node_modules/.package-lock.json'), { force: true });
  for (const tarball of tarballs) {
    await rm(join(folder, 'node_modules', await nameOf(tarball)), { recursive: true, force: true });
  }
  await npm(folder, ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--omit=dev']);
  return folder;
}

/** Of the package in a tarball that {@link packPackages} made. */
async function nameOf(tarball) {
  for (const name of PUBLIC_PACKAGES) {
    const manifest = await manifestOf(name);
    const file = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;
    if (tarball.endsWith(`/${file}`) || tarball.endsWith(`\\${file}`)) return manifest.name;
  }
  throw new UserError(`${tarball} is none of the packages.`);
}
