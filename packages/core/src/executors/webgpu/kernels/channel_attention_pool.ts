import { type HostTensor, sizeOf } from '../../../tensor.js';
import { constant, type Kernel, only, quarter, read, type Value, write } from '../kernel.js';
import source from './channel_attention_pool.wgsl?raw';
import { verbatim } from './verbatim.js';

interface Layer {
  readonly weight: HostTensor;
  readonly bias?: HostTensor;
}

export interface ChannelAttentionPoolOptions {
  readonly label: string;
  /** [S, maxFaces, tokens, F] */
  readonly x: Value;
  /** [S, maxFaces, F] */
  readonly y: Value;
  readonly maxFaces: number;
  readonly tokens: number;
  /** [S, hidden, F] */
  readonly fc1: Layer;
  /** [S, F, hidden] */
  readonly fc2: Layer;
}

/** Channel attention, ReLU and maximum over the tokens. */
export function channelAttentionPool(options: ChannelAttentionPoolOptions): Kernel {
  const { label, x, y, maxFaces, tokens, fc1, fc2 } = options;
  const [subnets, hidden, features] = fc1.weight.shape as [number, number, number];
  const transposed = constant(`${label}.fc2.weight`, sizeOf(fc2.weight.shape), (target) => {
    for (let s = 0; s < subnets; s++) {
      const start = s * hidden * features;
      for (let f = 0; f < features; f++) {
        for (let h = 0; h < hidden; h++) {
          target[start + h * features + f] = fc2.weight.data[start + f * hidden + h] as number;
        }
      }
    }
  });
  const bias = (name: string, layer: Layer, length: number) =>
    layer.bias ? verbatim(`${label}.${name}.bias`, layer.bias) : constant(`${label}.${name}.bias`, length, () => {});
  return {
    label,
    variants: only('channel_attention_pool', source, (faces) => subnets * faces, {
      S: subnets,
      FACES: maxFaces,
      TOKENS: tokens,
      F4: quarter(features, label),
      HIDDEN: hidden,
    }),
    bindings: [
      read(x),
      read(verbatim(`${label}.fc1.weight`, fc1.weight)),
      read(bias('fc1', fc1, subnets * hidden)),
      read(transposed),
      read(bias('fc2', fc2, subnets * features)),
      write(y),
    ],
  };
}
