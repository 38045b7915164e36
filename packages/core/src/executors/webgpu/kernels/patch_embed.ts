import { LAYER_NORM_EPSILON } from '../../../ops.js';
import { type HostTensor, sizeOf } from '../../../tensor.js';
import { constant, type Kernel, only, quarter, read, type Value, WORKGROUP, write } from '../kernel.js';
import source from './patch_embed.wgsl?raw';
import { verbatim } from './verbatim.js';

export interface PatchEmbedOptions {
  readonly label: string;
  /** [maxFaces, 3, size, size] */
  readonly image: Value;
  readonly y: Value;
  readonly size: number;
  /** [C, 3, patch, patch] */
  readonly weight: HostTensor;
  readonly bias?: HostTensor;
  readonly norm: { readonly weight: HostTensor; readonly bias: HostTensor };
}

/** Patches to tokens, and the LayerNorm that follows. */
export function patchEmbed({ label, image, y, size, weight, bias, norm }: PatchEmbedOptions): Kernel {
  const [channels, , patch] = weight.shape as [number, number, number];
  const taps = 3 * patch * patch;
  const transposed = constant(`${label}.weight`, sizeOf(weight.shape), (target) => {
    for (let o = 0; o < channels; o++) {
      for (let tap = 0; tap < taps; tap++) target[tap * channels + o] = weight.data[o * taps + tap] as number;
    }
  });
  return {
    label,
    variants: only(
      'patch_embed',
      source,
      (faces) => Math.ceil((faces * (size / patch) ** 2) / WORKGROUP),
      { SIZE: size, EPSILON: LAYER_NORM_EPSILON },
      { PATCH: patch, CHANNELS4: quarter(channels, label) },
    ),
    bindings: [
      read(image),
      read(transposed),
      read(bias ? verbatim(`${label}.bias`, bias) : constant(`${label}.bias`, channels, () => {})),
      read(verbatim(`${label}.norm.weight`, norm.weight)),
      read(verbatim(`${label}.norm.bias`, norm.bias)),
      write(y),
    ],
  };
}
