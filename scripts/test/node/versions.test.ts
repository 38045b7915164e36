import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { inRepo } from '../../lib/repo.mjs';
import { folderOf, PUBLIC_PACKAGES } from '../../lib/strangers.mjs';

const execute = promisify(execFile);

const placeOf = (name: string) => relative(inRepo(), folderOf(name));

/** The manifests of all workspaces and the settings of changesets, without the sources, under a git of their own. */
async function copyOfManifests(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'swinface-versions-'));
  for (const name of [
    'package.json',
    'package-lock.json',
    '.changeset',
    'packages',
    'models',
    'examples',
    'e2e',
    'bench',
  ]) {
    await cp(inRepo(name), join(folder, name), {
      recursive: true,
      filter: (path) => !/[\\/](node_modules|src|test|dist|public|assembly)([\\/]|$)/.test(path.slice(inRepo().length)),
    });
  }
  await symlink(inRepo('node_modules'), join(folder, 'node_modules'), 'junction');
  const git = (...args: string[]) => execute('git', args, { cwd: folder });
  await git('init', '--quiet', '--initial-branch=main');
  await git('add', 'package.json', 'packages', 'models', '.changeset');
  await git('-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '-m', 'All');
  return folder;
}

test('npm run version gives all packages one version, and each its changelog', async () => {
  const folder = await copyOfManifests();
  try {
    const read = async (name: string) =>
      JSON.parse(await readFile(join(folder, placeOf(name), 'package.json'), 'utf8')).version as string;
    const [major, minor] = (await read('swinface')).split('.').map(Number);
    await writeFile(join(folder, '.changeset/a-test.md'), `---\n'swinface': minor\n---\n\nA sentence of the test.\n`);
    const changesets = join(folder, 'node_modules/@changesets/cli/bin.js');
    await execute(process.execPath, [changesets, 'version'], { cwd: folder });
    for (const name of PUBLIC_PACKAGES) {
      // A minor change of one package is a minor change of all: peers inside the house must not make it a major one.
      expect(await read(name), name).toBe(`${major}.${Number(minor) + 1}.0`);
      expect(await readFile(join(folder, placeOf(name), 'CHANGELOG.md'), 'utf8')).toContain(await read(name));
    }
    expect(await readFile(join(folder, 'packages/swinface/CHANGELOG.md'), 'utf8')).toContain('A sentence of the test.');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
