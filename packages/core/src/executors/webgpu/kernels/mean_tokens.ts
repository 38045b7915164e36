import type { Kernel, Value } from '../kernel.js';
import type { Kit } from './kit.js';
import source from './mean_tokens.wgsl?raw';

export interface MeanTokensOptions {
  readonly label: string;
  /** [maxFaces, tokens, C] */
  readonly x: Value;
  /** [maxFaces, C] */
  readonly y: Value;
  readonly tokens: number;
  readonly channels: number;
}

/** The mean over the tokens. */
export function meanTokens(kit: Kit, { label, x, y, tokens, channels }: MeanTokensOptions): Kernel {
  const { WORKGROUP, only, read, uniform, vectors, write } = kit;
  const c4 = vectors(channels);
  return {
    label,
    variants: only('mean_tokens', source, (faces) => Math.ceil((faces * c4) / WORKGROUP)),
    bindings: [uniform(`${label}.sizes`, { tokens, c4 }), read(x), write(y)],
  };
}
