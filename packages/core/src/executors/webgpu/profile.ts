import { UnsupportedDeviceError } from '../../errors.js';
import type { Step } from './build.js';

/** Time of one kernel. */
export interface KernelTime {
  readonly label: string;
  readonly milliseconds: number;
}

/**
 * Runs the steps once, each in a pass of its own between two timestamps.
 *
 * @throws {UnsupportedDeviceError} if the device lacks `timestamp-query`
 */
export async function profileSteps(
  device: GPUDevice,
  steps: readonly Step[],
  encode: (pass: GPUComputePassEncoder, step: Step) => void,
): Promise<KernelTime[]> {
  if (!device.features.has('timestamp-query')) {
    throw new UnsupportedDeviceError('Profiling needs a device with the feature timestamp-query.');
  }
  const count = 2 * steps.length;
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const querySet = device.createQuerySet({ label: 'profile', type: 'timestamp', count });
  const resolved = device.createBuffer({ label: 'profile', size: 8 * count, usage: QUERY_RESOLVE | COPY_SRC });
  const staging = device.createBuffer({ label: 'profile.staging', size: 8 * count, usage: MAP_READ | COPY_DST });
  try {
    const encoder = device.createCommandEncoder({ label: 'profile' });
    steps.forEach((step, index) => {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * index, endOfPassWriteIndex: 2 * index + 1 };
      const pass = encoder.beginComputePass({ label: step.label, timestampWrites });
      encode(pass, step);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const times = new BigUint64Array(staging.getMappedRange());
    return steps.map(({ label }, index) => {
      const nanoseconds = (times[2 * index + 1] ?? 0n) - (times[2 * index] ?? 0n);
      return { label, milliseconds: Number(nanoseconds) / 1e6 };
    });
  } finally {
    for (const owned of [querySet, resolved, staging]) owned.destroy();
  }
}
