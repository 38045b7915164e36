import type { Value } from './kernel.js';
import type { Plan } from './lower.js';

/** Which buffer every value lives in. Values that are never alive together share buffers. */
export interface MemoryPlan {
  /** Number of float32 elements of each buffer. */
  readonly lengths: readonly number[];
  readonly bufferOf: ReadonlyMap<Value, number>;
}

/** From the kernel that first writes a value to the last that needs it, both included. */
interface Life {
  readonly first: number;
  last: number;
}

/**
 * Greedy by size: the largest values choose first, each the first buffer in which nothing else is alive at the time.
 * What a kernel reads and what it writes are alive together, so no kernel writes over its input. The network's input is
 * alive throughout, its outputs to the end.
 */
export function planMemory(plan: Plan): MemoryPlan {
  const lives = livesOf(plan);
  const buffers: { readonly length: number; readonly tenants: Life[] }[] = [];
  const bufferOf = new Map<Value, number>();
  for (const [value, life] of [...lives].sort(([a], [b]) => b.length - a.length)) {
    const fits = ({ tenants }: { readonly tenants: readonly Life[] }) => !tenants.some((other) => overlap(life, other));
    let index = buffers.findIndex(fits);
    if (index < 0) index = buffers.push({ length: value.length, tenants: [] }) - 1;
    buffers[index]?.tenants.push(life);
    bufferOf.set(value, index);
  }
  return { lengths: buffers.map(({ length }) => length), bufferOf };
}

function livesOf({ kernels, input, outputs }: Plan): ReadonlyMap<Value, Life> {
  const lives = new Map<Value, Life>([[input, { first: -1, last: kernels.length }]]);
  kernels.forEach(({ bindings }, index) => {
    for (const { resource } of bindings) {
      if (resource.kind !== 'value') continue;
      const life = lives.get(resource);
      if (life) life.last = Math.max(life.last, index);
      else lives.set(resource, { first: index, last: index });
    }
  });
  for (const output of outputs) {
    const life = lives.get(output);
    if (life) life.last = kernels.length;
  }
  return lives;
}

const overlap = (a: Life, b: Life): boolean => a.first <= b.last && b.first <= a.last;
