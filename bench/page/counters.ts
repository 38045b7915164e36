/** What a run asked of the GPU, by whichever engine. */
export interface GpuCalls {
  readonly dispatches: number;
  readonly submits: number;
  readonly readbacks: number;
}

/** Counts the GPU calls of some work, through the prototypes, so that every library is counted alike. */
export async function countGpuCalls(work: () => Promise<unknown>): Promise<GpuCalls> {
  const counts = { dispatches: 0, submits: 0, readbacks: 0 };
  const undo: (() => void)[] = [];
  const count = <P extends object>(prototype: P, method: keyof P & string, counter: keyof typeof counts) => {
    const original = prototype[method] as (...args: unknown[]) => unknown;
    const counting = function (this: unknown, ...args: unknown[]) {
      counts[counter]++;
      return original.apply(this, args);
    };
    Object.assign(prototype, { [method]: counting });
    undo.push(() => Object.assign(prototype, { [method]: original }));
  };
  if (typeof GPUQueue !== 'undefined') {
    count(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', 'dispatches');
    count(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', 'dispatches');
    count(GPUQueue.prototype, 'submit', 'submits');
    count(GPUBuffer.prototype, 'mapAsync', 'readbacks');
  }
  try {
    await work();
  } finally {
    for (const restore of undo) restore();
  }
  return counts;
}
