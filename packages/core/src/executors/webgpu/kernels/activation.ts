import type { Activation } from '../../../graph/fused.js';

/** What the shaders call each activation. */
export const ACTIVATIONS: Readonly<Record<Activation['kind'], number>> = {
  none: 0,
  relu: 1,
  gelu: 2,
  silu: 3,
  prelu: 4,
};
