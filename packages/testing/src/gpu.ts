import { existsSync } from 'node:fs';
import { create, globals } from 'webgpu';

/** Dawn reads these when its library is first used; a caller that set them knows better. */
const SWIFTSHADER_ICDS = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib64/chromium-browser/vk_swiftshader_icd.json',
];

// Dawn objects crash when collected before the process ends, so the instances stay reachable.
const instances: GPU[] = [];

function instance(flags: string[]): GPU {
  Object.assign(globalThis, globals);
  const gpu = create(flags);
  instances.push(gpu);
  return gpu;
}

/**
 * WebGPU in Node: Dawn on whatever Vulkan driver there is, SwiftShader if Chromium brought it.
 *
 * @throws if there is no adapter; a GPU test without a GPU has failed, not passed
 */
export async function testAdapter(): Promise<GPUAdapter> {
  process.env.VK_ICD_FILENAMES ??= SWIFTSHADER_ICDS.find(existsSync) ?? '';
  const adapter = await instance([]).requestAdapter();
  if (!adapter) {
    throw new Error(
      'No WebGPU adapter in Node: install chromium and libvulkan1, or set VK_ICD_FILENAMES to a Vulkan driver and ' +
        'LD_LIBRARY_PATH to a folder with libvulkan.so.1 before starting (npm test does)',
    );
  }
  return adapter;
}

/** Dawn's null backend: validates shaders, f16 ones included, and runs nothing. */
export async function nullAdapter(): Promise<GPUAdapter> {
  const adapter = await instance(['backend=null']).requestAdapter();
  if (!adapter) throw new Error('Dawn offers no null adapter');
  return adapter;
}
