import type { Activation } from '../../../graph/fused.js';
import type { Kernel, Value } from '../kernel.js';
import source from './elementwise.wgsl?raw';
import type { Kit } from './kit.js';

/** A value and its channels, at most as many as the result's. */
interface Term {
  readonly value: Value;
  readonly width: number;
}

export interface ElementwiseOptions {
  readonly label: string;
  readonly x: Term;
  readonly other?: Term;
  readonly y: Term;
  /** Rows of one face. */
  readonly tokens: number;
  readonly activation: Activation;
}

/** A value, or the sum of two, with zeros for channels that they do not have; then an activation. */
export function elementwise(kit: Kit, { label, x, other, y, tokens, activation }: ElementwiseOptions): Kernel {
  const { ACTIVATIONS, ACTIVATION_SOURCE, WORKGROUP, constant, only, read, uniform, vectors, write } = kit;
  const c4 = vectors(y.width);
  const constants = { ACTIVATION: ACTIVATIONS[activation.kind], SUM: other ? 1 : 0 };
  return {
    label,
    variants: only(
      'elementwise',
      ACTIVATION_SOURCE + source,
      (faces) => Math.ceil((faces * tokens * c4) / WORKGROUP),
      constants,
    ),
    bindings: [
      uniform(`${label}.sizes`, { tokens, x4: vectors(x.width), o4: vectors(other?.width ?? x.width), c4 }),
      read(x.value),
      read((other ?? x).value),
      read(
        constant(`${label}.slope`, 4 * c4, (target) => {
          if (activation.kind === 'prelu') target.set(activation.slopes.data);
        }),
      ),
      write(y.value),
    ],
  };
}
