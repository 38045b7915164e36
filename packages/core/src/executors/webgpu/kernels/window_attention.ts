import { InvalidInputError } from '../../../errors.js';
import type { WindowAttentionShape } from '../../../ops.js';
import type { HostTensor } from '../../../tensor.js';
import { type Kernel, quarter, read, type Shader, uniform, type Value, WORKGROUP, write } from '../kernel.js';
import alone from './fragments/keys_alone.wgsl?raw';
import quad from './fragments/keys_quad.wgsl?raw';
import tile from './fragments/keys_tile.wgsl?raw';
import { verbatim } from './verbatim.js';
import source from './window_attention.wgsl?raw';

/** Side of a window; `WINDOW` of the shader. */
const WINDOW = 7;
/** Channels of a head that the shader's registers hold. */
const MAX_HEAD_WIDTH = 32;

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
  if (window !== WINDOW || width > MAX_HEAD_WIDTH) {
    throw new InvalidInputError(`The WebGPU attention (${label}) is made for one window and narrow heads.`, {
      expected: `windows of ${WINDOW} x ${WINDOW} tokens and heads of at most ${MAX_HEAD_WIDTH} channels`,
      actual: `${window} x ${window} and ${width}`,
    });
  }
  const variant = (name: string, keys: Shader, sharing: number) => ({
    name,
    shader: { ...keys, sources: [source, ...keys.sources] },
    entryPoint: 'window_attention',
    constants: { HEAD4: quarter(width, label) },
    workgroups: (faces: number) => {
      const queries = Math.ceil(WINDOW ** 2 / sharing) * sharing;
      return Math.ceil((faces * (size / WINDOW) ** 2 * heads * queries) / WORKGROUP);
    },
  });
  return {
    label,
    variants: [
      variant('alone', { sources: [alone] }, 1),
      variant('quad', { sources: [quad], enable: ['subgroups'] }, 4),
      variant('tile', { sources: [tile] }, WORKGROUP),
    ],
    bindings: [
      uniform(`${label}.sizes`, { side: size, heads, shift }),
      read(qkv),
      read(verbatim(`${label}.relative_position_bias_table`, table)),
      write(y),
    ],
  };
}
