import type { WindowAttentionShape } from '../../ops.js';
import type { HostTensor } from '../../tensor.js';
import { type Kernel, quarter, read, shader, type Value, WORKGROUP, write } from '../kernel.js';
import { verbatim } from './verbatim.js';
import source from './window_attention.wgsl?raw';

export interface WindowAttentionOptions {
  readonly label: string;
  /** [maxFaces, size * size, 3 C] */
  readonly qkv: Value;
  readonly y: Value;
  readonly channels: number;
  /** [(2 window - 1)^2, heads] */
  readonly table: HostTensor;
  readonly geometry: WindowAttentionShape;
}

/** Attention inside (shifted) windows, scores to weighted values, in one dispatch. */
export function windowAttention({ label, qkv, y, channels, table, geometry }: WindowAttentionOptions): Kernel {
  const { size, window, heads, shift } = geometry;
  const width = channels / heads;
  return {
    label,
    code: shader(source, { HEAD4: quarter(width, label) }),
    entryPoint: 'window_attention',
    constants: { SIZE: size, WINDOW: window, HEADS: heads, SHIFT: shift, SCALE: width ** -0.5 },
    bindings: [read(qkv), read(verbatim(`${label}.relative_position_bias_table`, table)), write(y)],
    workgroups: (faces) => Math.ceil((faces * size * size * heads) / WORKGROUP),
  };
}
