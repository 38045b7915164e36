import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from './process.mjs';
import { say, UserError } from './repo.mjs';

const usable = (path, mode) =>
  access(path, mode).then(
    () => true,
    () => false,
  );

/**
 * The first of some files that can be read, or with `mode` be used so.
 *
 * @param {readonly string[]} paths
 * @returns {Promise<string | undefined>}
 */
export async function firstUsable(paths, mode = constants.R_OK) {
  for (const path of paths) if (await usable(path, mode)) return path;
  return undefined;
}

/**
 * Path of a program: what an environment variable names, else one on the PATH, else installed with apt.
 *
 * @param {{ title: string, variable: string, names: readonly string[], elsewhere?: readonly string[], packages: readonly string[] }} wanted
 *   `names`: of its file; `elsewhere`: further paths to look at; `packages`: of Debian, each with what it brings
 * @returns {Promise<string>}
 * @throws {UserError} if there is none and none can be installed, with what to do
 */
export async function findProgram({ title, variable, names, elsewhere = [], packages }) {
  const named = process.env[variable];
  if (named) {
    if (await usable(named, constants.X_OK)) return named;
    throw new UserError(`${variable} is ${named}, which is not a program.`);
  }
  const folders = (process.env.PATH ?? '').split(delimiter);
  const places = [...folders.flatMap((folder) => names.map((name) => join(folder, name))), ...elsewhere];
  const found = await firstUsable(places, constants.X_OK);
  if (found) return found;
  await install(title, packages).catch((error) => {
    throw error instanceof UserError ? new UserError(`${error.message}\nOr set ${variable} to its program.`) : error;
  });
  const now = await firstUsable(places, constants.X_OK);
  if (now) return now;
  throw new UserError(
    `${title} is not where it is looked for, though it was installed. Set ${variable} to its program.`,
  );
}

/**
 * Installs packages of Debian.
 *
 * @param {string} title what is missing, for people
 * @param {readonly string[]} packages
 * @throws {UserError} where that is not possible, with what to do instead
 */
export async function install(title, packages) {
  const command = `apt-get install ${packages.join(' ')}`;
  if (!(await usable('/usr/bin/apt-get', constants.X_OK))) {
    throw new UserError(
      `${title} is missing, and there is no apt-get here. Install what Debian has as ${packages.join(', ')}.`,
    );
  }
  if (process.getuid?.() !== 0) throw new UserError(`${title} is missing. As root: apt-get update && ${command}`);
  say.step(`Installing ${title} (${command})`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  // Lists that are old name packages that servers have dropped.
  const updated = await run('apt-get', ['update', '-qq'], { env });
  const installed = await run('apt-get', ['install', '-y', '-qq', ...packages], { env });
  if (installed === 0) return;
  throw new UserError(
    `${title} could not be installed (see above). ${updated === 0 ? '' : 'The lists of packages could not be brought up to date: check the network. '}Try by hand: apt-get update && ${command}`,
  );
}
