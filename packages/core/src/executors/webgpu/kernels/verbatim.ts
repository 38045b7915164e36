import { type HostTensor, sizeOf } from '../../../tensor.js';
import { type Constant, constant } from '../kernel.js';

/** A weight in the layout it came in. */
export const verbatim = (label: string, tensor: HostTensor): Constant =>
  constant(label, sizeOf(tensor.shape), (target) => target.set(tensor.data));
