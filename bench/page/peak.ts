import { requestDevice } from '@swinface/core/webgpu';
import code from './peak.wgsl?raw';

/** The best an adapter showed. */
export interface Peak {
  readonly adapter: string;
  /** Software on the CPU rather than a GPU. */
  readonly software: boolean;
  /** Float32 operations a second, multiply and add counting one each. */
  readonly flops: number;
  /** Bytes read from a buffer much larger than caches, per second. */
  readonly bytes: number;
}

const REPEATS = 5;
const WORKGROUP = 64;
const MiB = 2 ** 20;

/** Measures the adapter's arithmetic and its memory, best of a few short tries each. */
export async function measurePeak(): Promise<Peak> {
  const { device, description, isFallback } = await requestDevice();
  const module = device.createShaderModule({ code });
  const bytes = (isFallback ? 128 : 256) * MiB;
  const x = device.createBuffer({ size: bytes, usage: GPUBufferUsage.STORAGE });
  const y = device.createBuffer({ size: 16 * MiB, usage: GPUBufferUsage.STORAGE });

  const best = async (entryPoint: string, constants: Record<string, number>, invocations: number): Promise<number> => {
    const pipeline = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module, entryPoint, constants },
    });
    const layout = pipeline.getBindGroupLayout(0);
    const entries = [x, y].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const bindGroup = device.createBindGroup({ layout, entries });
    let shortest = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(invocations / WORKGROUP);
      pass.end();
      const start = performance.now();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      shortest = Math.min(shortest, performance.now() - start);
    }
    return shortest / 1000;
  };

  // A GPU needs more work than a CPU before the time of submitting it no longer counts.
  const threads = isFallback ? 4096 : 2 ** 20;
  const ROUNDS = isFallback ? 2048 : 4096;
  const arithmetic = await best('arithmetic', { ROUNDS }, threads);
  const reads = bytes / 16 / 4096;
  const memory = await best('bandwidth', { ROUNDS: reads, STRIDE: 4096 }, 4096);
  const result = {
    adapter: description,
    software: isFallback,
    flops: (threads * ROUNDS * 8 * 4 * 2) / arithmetic,
    bytes: bytes / memory,
  };
  device.destroy();
  return result;
}
