import type { SqueezeExciteWeights } from '../../../ops.js';
import type { HostTensor } from '../../../tensor.js';
import type { Constant, Kernel, Value } from '../kernel.js';
import excite from './excite.wgsl?raw';
import type { Kit } from './kit.js';
import squeeze from './squeeze.wgsl?raw';

export interface SqueezeExciteOptions {
  readonly label: string;
  /** [maxFaces, tokens, C] */
  readonly x: Value;
  readonly y: Value;
  readonly maxFaces: number;
  readonly tokens: number;
  readonly weights: SqueezeExciteWeights<HostTensor>;
}

/** Squeeze and excite: a kernel that computes a factor for each channel of a face, and one that multiplies. */
export function squeezeExcite(
  kit: Kit,
  { label, x, y, maxFaces, tokens, weights }: SqueezeExciteOptions,
): readonly [squeeze: Kernel, excite: Kernel] {
  const { WORKGROUP, constant, only, read, uniform, vectors, write } = kit;
  const { reduce, expand } = weights;
  const [hidden, channels] = reduce.weight.shape as [number, number];
  const c4 = vectors(channels);
  const gates: Value = { kind: 'value', label: `${label}.gates`, length: maxFaces * 4 * c4 };
  const numbers = (name: string, length: number, tensor: HostTensor | undefined): Constant =>
    constant(`${label}.${name}`, length, (target) => tensor && target.set(tensor.data));
  /** [hidden, C], from [hidden, C] or its transpose. */
  const rows = (name: string, tensor: HostTensor, transposed: boolean): Constant =>
    constant(`${label}.${name}`, hidden * 4 * c4, (target) => {
      const { data } = tensor;
      for (let r = 0; r < hidden; r++) {
        for (let c = 0; c < channels; c++) {
          target[r * 4 * c4 + c] = data[transposed ? c * hidden + r : r * channels + c] as number;
        }
      }
    });
  return [
    {
      label: `${label}.squeeze`,
      variants: only('squeeze', squeeze, (faces) => faces, { TOKENS: tokens, C4: c4, HIDDEN: hidden }),
      bindings: [
        read(x),
        read(rows('reduce', reduce.weight, false)),
        read(numbers('reduce.bias', hidden, reduce.bias)),
        read(rows('expand', expand.weight, true)),
        read(numbers('expand.bias', 4 * c4, expand.bias)),
        write(gates),
      ],
    },
    {
      label,
      variants: only('excite', excite, (faces) => Math.ceil((faces * tokens * c4) / WORKGROUP)),
      bindings: [uniform(`${label}.sizes`, { tokens, c4 }), read(x), read(gates), write(y)],
    },
  ];
}
