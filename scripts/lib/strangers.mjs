import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inRepo, UserError } from './repo.mjs';

/** Every package that strangers can install. */
export const PUBLIC_PACKAGES = ['core', 'alignment', 'postprocessing', 'swinface', 'widget', 'trainer'];
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

/** package.json of a package, parsed. */
export const manifestOf = async (name) => JSON.parse(await readFile(inRepo('packages', name, 'package.json'), 'utf8'));

/**
 * Packs built packages as they would be published.
 *
 * @param {readonly string[]} [names] folders of the packages; all public ones by default
 * @returns {Promise<Map<string, string>>} tarballs by the name of their folder
 */
export async function packPackages(names = PUBLIC_PACKAGES) {
  const folder = inRepo(TARBALLS);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const tarballs = new Map();
  for (const name of names) {
    const args = ['pack', '--json', '--ignore-scripts', '--silent', '--pack-destination', folder];
    const report = Object.values(JSON.parse(await npm(inRepo('packages', name), args)));
    tarballs.set(name, join(folder, report[0].filename));
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
