import type { Activation } from '../../../graph/fused.js';
import type { Region } from '../layout.js';
import type { AddressOf, Lowering } from '../lowering.js';
import { paddedBias } from '../panels.js';

/** What a kernel does to its sums at last; `assembly/tile.ts`. */
const ACTIVATIONS = { none: 0, relu: 1, prelu: 2, gelu: 3, silu: 4 } as const;

/** Sums as they are. */
export const NONE: Activation = { kind: 'none' };

/** An activation as kernels take it. */
export interface PlacedActivation {
  readonly code: number;
  /** Address of the slopes, one for each output; 0 where there are none. */
  slopes(at: AddressOf): number;
}

/** @param step that the number of slopes is padded to */
export function placeActivation(
  activation: Activation,
  outputs: number,
  step: number,
  { layout }: Lowering,
): PlacedActivation {
  const code = ACTIVATIONS[activation.kind];
  const region: Region | undefined =
    activation.kind === 'prelu' ? paddedBias(layout, activation.slopes, outputs, step) : undefined;
  return { code, slopes: (at) => (region ? at(region) : 0) };
}
