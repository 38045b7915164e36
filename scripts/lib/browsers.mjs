import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { findProgram, install } from './programs.mjs';
import { say } from './repo.mjs';

/** Vulkan drivers that packages bring; Firefox asks them for WebGPU. */
const DRIVERS = '/usr/share/vulkan/icd.d';

/**
 * Path of a Firefox: `FIREFOX_PATH`, else one on the PATH, else Debian's is installed, with Mesa's software Vulkan driver
 * where there is none, which gives its WebGPU an adapter.
 *
 * @returns {Promise<string>}
 * @throws {UserError} with what to do where there is none
 */
export async function findFirefox() {
  if (process.platform === 'linux') {
    const drivers = await readdir(DRIVERS).catch(() => []);
    if (drivers.length === 0) await install('A Vulkan driver', ['mesa-vulkan-drivers']);
  }
  return findProgram({
    title: 'Firefox',
    variable: 'FIREFOX_PATH',
    names: ['firefox-esr', 'firefox'],
    elsewhere: ['/Applications/Firefox.app/Contents/MacOS/firefox'],
    packages: ['firefox-esr'],
  });
}

/**
 * Path of the WebDriver of WebKitGTK, Safari's engine for Linux: `WEBKIT_DRIVER_PATH`, else one on the PATH, else Debian's
 * is installed, with a screen in memory for it.
 *
 * @returns {Promise<string | undefined>} undefined on other systems than Linux, which have no WebKitGTK
 * @throws {UserError} with what to do where there is none
 */
export async function findWebKit() {
  if (process.platform !== 'linux') {
    say.note('WebKitGTK exists on Linux alone: its tests are left out here');
    return undefined;
  }
  if (!existsSync('/usr/bin/Xvfb')) await install('Xvfb', ['xvfb']);
  return findProgram({
    title: 'WebKitGTK',
    variable: 'WEBKIT_DRIVER_PATH',
    names: ['WebKitWebDriver'],
    packages: ['webkit2gtk-driver'],
  });
}
