import type { RowSubnets } from '../../../ops.js';
import type { HostTensor } from '../../../tensor.js';
import { type Constant, constant, type Kernel, only, quarter, read, type Value, WORKGROUP, write } from '../kernel.js';
import source from './task_outputs.wgsl?raw';
import { verbatim } from './verbatim.js';

export interface TaskOutputsOptions {
  readonly label: string;
  /** [S, maxFaces, F] */
  readonly x: Value;
  /** [maxFaces, R] */
  readonly y: Value;
  readonly maxFaces: number;
  /** [R, F] */
  readonly weight: HostTensor;
  readonly bias?: HostTensor;
  readonly rows: RowSubnets;
}

/** The logits of all tasks. */
export function taskOutputs({ label, x, y, maxFaces, weight, bias, rows }: TaskOutputsOptions): Kernel {
  const [logits, features] = weight.shape as [number, number];
  const subnets: Constant = {
    kind: 'constant',
    label: `${label}.subnets`,
    length: logits,
    fill: (target) => new Uint32Array(target).set(rows),
  };
  return {
    label,
    variants: only('task_outputs', source, (faces) => Math.ceil((faces * logits) / WORKGROUP), {
      FACES: maxFaces,
      F4: quarter(features, label),
      R: logits,
    }),
    bindings: [
      read(x),
      read(verbatim(`${label}.weight`, weight)),
      read(bias ? verbatim(`${label}.bias`, bias) : constant(`${label}.bias`, logits, () => {})),
      read(subnets),
      write(y),
    ],
  };
}
