import type { Kernel, Value } from '../kernel.js';
import source from './image_tokens.wgsl?raw';
import type { Kit } from './kit.js';

export interface ImageTokensOptions {
  readonly label: string;
  /** [maxFaces, channels, height, width] */
  readonly image: Value;
  /** [maxFaces, height * width, channels] */
  readonly y: Value;
  readonly channels: number;
  readonly pixels: number;
}

/** A picture's planes as tokens. */
export function imageTokens(kit: Kit, { label, image, y, channels, pixels }: ImageTokensOptions): Kernel {
  const { WORKGROUP, only, read, uniform, vectors, write } = kit;
  const c4 = vectors(channels);
  return {
    label,
    variants: only('image_tokens', source, (faces) => Math.ceil((faces * pixels * c4) / WORKGROUP)),
    bindings: [uniform(`${label}.sizes`, { channels, pixels, c4 }), read(image), write(y)],
  };
}
