import { access, constants } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { run } from './process.mjs';
import { say, UserError } from './repo.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
/** Where distributions put the browser's own libraries, beside a start script elsewhere on the PATH. */
const LIBRARIES = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/usr/lib64/chromium-browser',
  '/opt/google/chrome',
];

const usable = (path, mode = constants.R_OK) =>
  access(path, mode).then(
    () => true,
    () => false,
  );

async function first(paths, mode) {
  for (const path of paths) if (await usable(path, mode)) return path;
  return undefined;
}

const installed = () =>
  first(
    [...(process.env.PATH ?? '').split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name))), MAC],
    constants.X_OK,
  );

/**
 * Path of a Chromium: `CHROMIUM_PATH`, else one on the PATH, else installed with apt where that is possible.
 *
 * @returns {Promise<string>}
 */
export async function findChromium() {
  const named = process.env.CHROMIUM_PATH;
  if (named) {
    if (await usable(named, constants.X_OK)) return named;
    throw new UserError(`CHROMIUM_PATH is ${named}, which is not a program.`);
  }
  const found = await installed();
  if (found) return found;
  if (process.getuid?.() === 0 && (await usable('/usr/bin/apt-get', constants.X_OK))) {
    say.step('Installing Chromium (apt-get install chromium)');
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update', '-qq'], { env });
    await run('apt-get', ['install', '-y', '-qq', 'chromium'], { env });
    const now = await installed();
    if (now) return now;
  }
  throw new UserError('No Chromium was found. Install Chromium or Chrome, or set CHROMIUM_PATH to its program.');
}

/**
 * Environment that lets WebGPU in Node find a Vulkan driver: the machine's own where VK_ICD_FILENAMES is set, else the
 * software one that comes with Chromium. Dawn reads it when a process starts, so it has to be given to a child.
 *
 * @param {string} chromium path of a Chromium
 */
export async function vulkanEnvironment(chromium) {
  if (process.env.VK_ICD_FILENAMES) return {};
  const folders = [dirname(chromium), ...LIBRARIES];
  const driver = await first(folders.map((folder) => join(folder, 'vk_swiftshader_icd.json')));
  if (!driver) return {};
  const paths = [dirname(driver), process.env.LD_LIBRARY_PATH].filter(Boolean);
  return { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: paths.join(delimiter) };
}
