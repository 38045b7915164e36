import { delimiter, dirname, join } from 'node:path';
import { findProgram, firstUsable } from './programs.mjs';

const MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
/** Where distributions put the browser's own libraries, beside a start script elsewhere on the PATH. */
const LIBRARIES = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/usr/lib64/chromium-browser',
  '/opt/google/chrome',
];

/**
 * Path of a Chromium: `CHROMIUM_PATH`, else one on the PATH, else installed with apt where that is possible.
 *
 * @returns {Promise<string>}
 */
export const findChromium = () =>
  findProgram({
    title: 'Chromium',
    variable: 'CHROMIUM_PATH',
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'],
    elsewhere: [MAC],
    packages: ['chromium'],
  });

/**
 * Environment that lets WebGPU in Node find a Vulkan driver: the machine's own where VK_ICD_FILENAMES is set, else the
 * software one that comes with Chromium. Dawn reads it when a process starts, so it has to be given to a child.
 *
 * @param {string} chromium path of a Chromium
 */
export async function vulkanEnvironment(chromium) {
  if (process.env.VK_ICD_FILENAMES) return {};
  const folders = [dirname(chromium), ...LIBRARIES];
  const driver = await firstUsable(folders.map((folder) => join(folder, 'vk_swiftshader_icd.json')));
  if (!driver) return {};
  const paths = [dirname(driver), process.env.LD_LIBRARY_PATH].filter(Boolean);
  return { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: paths.join(delimiter) };
}
