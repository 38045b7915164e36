import { readFile } from 'node:fs/promises';
import { run } from './process.mjs';
import { inRepo, say, since, UserError } from './repo.mjs';

const MINIMUM_NODE = [20, 19];

/** Optional packages are for other platforms and workspaces are links: neither says anything about being up to date. */
const installable = ([path, entry]) => path.startsWith('node_modules/') && !entry.link && !entry.optional;

/** What npm has installed, compared package by package with the lock file. */
async function modulesAreCurrent() {
  try {
    const read = async (path) => JSON.parse(await readFile(inRepo(path), 'utf8')).packages;
    const [wanted, installed] = await Promise.all([read('package-lock.json'), read('node_modules/.package-lock.json')]);
    return Object.entries(wanted)
      .filter(installable)
      .every(([path, entry]) => installed[path]?.version === entry.version);
  } catch {
    return false;
  }
}

const npm = (...args) =>
  run(process.platform === 'win32' ? 'npm.cmd' : 'npm', [...args, '--no-audit', '--no-fund'], {
    // Both packages would fetch binaries from elsewhere; nothing here needs them.
    env: { ONNXRUNTIME_NODE_INSTALL: 'skip', PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: '1' },
  });

/** Installs node modules where they are missing or differ from package-lock.json. */
export async function installModules() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor < MINIMUM_NODE[1])) {
    throw new UserError(`Node ${MINIMUM_NODE.join('.')} or newer is needed; this is ${process.versions.node}.`);
  }
  if (await modulesAreCurrent()) {
    say.done('node modules are up to date');
    return;
  }
  const start = performance.now();
  say.step('Installing node modules (npm ci)');
  if ((await npm('ci')) !== 0) {
    // A registry that lacks some other platform's package makes `ci` refuse a lock file that is right for this platform.
    say.note('npm ci failed; trying npm install, which keeps to the lock file where it can');
    const code = await npm('install', '--no-save');
    if (code !== 0) throw new UserError(`npm install failed (exit code ${code}). Is the npm registry reachable?`);
  }
  say.done(`node modules installed in ${since(start)}`);
}
