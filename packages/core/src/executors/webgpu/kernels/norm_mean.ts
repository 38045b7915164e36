import { LAYER_NORM_EPSILON } from '../../../ops.js';
import { type HostTensor, sizeOf } from '../../../tensor.js';
import { type Kernel, only, quarter, read, type Value, write } from '../kernel.js';
import source from './norm_mean.wgsl?raw';
import { verbatim } from './verbatim.js';

export interface NormMeanOptions {
  readonly label: string;
  /** [maxFaces, tokens, C] */
  readonly x: Value;
  readonly y: Value;
  readonly tokens: number;
  readonly norm: { readonly weight: HostTensor; readonly bias: HostTensor };
}

/** LayerNorm of every token, then their mean. */
export function normMean({ label, x, y, tokens, norm }: NormMeanOptions): Kernel {
  return {
    label,
    variants: only('norm_mean', source, (faces) => faces, {
      TOKENS: tokens,
      C4: quarter(sizeOf(norm.weight.shape), label),
      EPSILON: LAYER_NORM_EPSILON,
    }),
    bindings: [
      read(x),
      read(verbatim(`${label}.weight`, norm.weight)),
      read(verbatim(`${label}.bias`, norm.bias)),
      write(y),
    ],
  };
}
