/** Crops cut on the CPU, for engines that are not on the GPU: apart from the rest, which most visitors do not need. */
export { CROP_LENGTH } from '@swinface/geometry';
export { type Raster, warpPixels } from '@swinface/geometry/warp';
export { warpImage } from './cpu.js';
