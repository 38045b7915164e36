/** Crops cut on the CPU, for engines that are not on the GPU: apart from the rest, which most visitors do not need. */
export { type RgbaPixels, warpImage, warpPixels } from './cpu.js';
export { CROP_LENGTH } from './sampling.js';
