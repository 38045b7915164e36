import type { Value } from './kernel.js';
import type { Plan } from './lower.js';

/** Which buffer every value lives in. Values whose lives do not overlap share buffers. */
export interface MemoryPlan {
  /** Number of float32 elements of each buffer. */
  readonly lengths: readonly number[];
  readonly bufferOf: ReadonlyMap<Value, number>;
}

/**
 * Walks the kernels once: a value gets a buffer when it is first written and returns it after it was last read.
 * The input and the outputs keep theirs. A freed buffer is reused by the value that fits it best, or grown: nothing is
 * allocated until the walk is over.
 */
export function planMemory({ kernels, input, outputs }: Plan): MemoryPlan {
  const lastUse = new Map<Value, number>();
  kernels.forEach(({ bindings }, index) => {
    for (const { resource } of bindings) if (resource.kind === 'value') lastUse.set(resource, index);
  });
  const kept = new Set([input, ...outputs]);
  const lengths: number[] = [];
  const bufferOf = new Map<Value, number>();
  const free = new Set<number>();
  const allocate = (value: Value) => {
    const buffer = (kept.has(value) ? undefined : bestFit(free, lengths, value.length)) ?? lengths.length;
    free.delete(buffer);
    lengths[buffer] = Math.max(lengths[buffer] ?? 0, value.length);
    bufferOf.set(value, buffer);
  };

  allocate(input);
  kernels.forEach(({ bindings }, index) => {
    // All of a kernel's results before any of its inputs is given back: it must not write what it reads.
    for (const { access, resource } of bindings) {
      if (access === 'write' && !bufferOf.has(resource)) allocate(resource);
    }
    for (const { resource } of bindings) {
      if (resource.kind !== 'value' || lastUse.get(resource) !== index || kept.has(resource)) continue;
      const buffer = bufferOf.get(resource);
      if (buffer !== undefined) free.add(buffer);
    }
  });
  return { lengths, bufferOf };
}

/** The smallest free buffer that is large enough, else the largest. */
function bestFit(free: ReadonlySet<number>, lengths: readonly number[], length: number): number | undefined {
  const lengthOf = (buffer: number) => lengths[buffer] as number;
  const bySize = [...free].sort((a, b) => lengthOf(a) - lengthOf(b));
  return bySize.find((buffer) => lengthOf(buffer) >= length) ?? bySize[bySize.length - 1];
}
