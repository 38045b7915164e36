/** What of this package the tests on a GPU use, for those that run in a browser. */
export { cosine, type Difference, difference, expectAllClose, type Tolerance } from './allclose.js';
export { compareWithGolden, GOLDEN_BARS, type Golden, golden, type ParityLine, readGolden } from './golden.js';
export { noise, pixelAt, seededRandom } from './pictures.js';
export { syntheticInput, syntheticTensor, syntheticWeights } from './synthetic.js';

/**
 * The browser's adapter.
 *
 * @throws if there is none; a GPU test without a GPU has failed, not passed
 */
export async function testAdapter(): Promise<GPUAdapter> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('This browser has no WebGPU adapter: install a Vulkan driver (mesa-vulkan-drivers).');
  return adapter;
}
