import { type Kernel, only, quarter, read, uniform, type Value, WORKGROUP, write } from '../kernel.js';
import source from './average_pool.wgsl?raw';

export interface AveragePoolOptions {
  readonly label: string;
  /** [maxFaces, size * size, C] */
  readonly x: Value;
  readonly y: Value;
  readonly size: number;
  readonly factor: number;
  readonly channels: number;
}

/** Means over squares of a token map. */
export function averagePool({ label, x, y, size, factor, channels }: AveragePoolOptions): Kernel {
  const c4 = quarter(channels, label);
  return {
    label,
    variants: only('average_pool', source, (faces) => Math.ceil((faces * (size / factor) ** 2 * c4) / WORKGROUP)),
    bindings: [uniform(`${label}.sizes`, { side: size, factor, c4 }), read(x), write(y)],
  };
}
