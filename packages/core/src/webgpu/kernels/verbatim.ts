import type { HostTensor } from '../../tensor.js';
import { type Constant, constant } from '../kernel.js';

/** A weight in the layout it came in. */
export const verbatim = (label: string, { data }: HostTensor): Constant =>
  constant(label, data.length, (target) => target.set(data));
