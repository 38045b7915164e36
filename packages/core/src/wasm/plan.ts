import type { LayerNormWeights } from '../ops.js';
import type { HostTensor } from '../tensor.js';
import type { Node } from '../webgpu/graph.js';
import type { Layout, Placement, Region } from './layout.js';
import type { Matrix } from './panels.js';
import type { PlannedStep } from './steps.js';

/** How a product reads its rows; `assembly/product.ts`. */
export const LOAD = { rows: 0, merged: 1, neighbours: 2, patches: 3 } as const;
/** What a product does to its results; `assembly/product.ts`. */
export const ACTIVATION = { none: 0, relu: 1, gelu: 2 } as const;

/** The network as steps in the order they run, with everything in its place. */
export interface Plan {
  readonly steps: readonly PlannedStep[];
  readonly layout: Layout;
  readonly placement: Placement;
  readonly input: Region;
  /** In the order of the outputs asked for, with the number of float32 elements per face. */
  readonly outputs: readonly { readonly region: Region; readonly perFace: number }[];
  /** Inputs of the largest product, and the largest window and head, for scratch memory. */
  readonly largest: { readonly inputs: number; readonly area: number; readonly head: number; readonly width: number };
}

/** What a product reads and writes besides its matrix. */
export interface ProductOptions {
  readonly label: string;
  readonly x: Region;
  readonly y: Region;
  readonly matrix: Matrix;
  readonly bias?: HostTensor | undefined;
  readonly norm?: LayerNormWeights<Node> | undefined;
  readonly residual?: Region | undefined;
  readonly tokens: number;
  readonly load?: keyof typeof LOAD;
  readonly side?: number;
  readonly channels?: number;
  readonly activation?: keyof typeof ACTIVATION;
  readonly columns?: Region;
  readonly stride?: number;
}
