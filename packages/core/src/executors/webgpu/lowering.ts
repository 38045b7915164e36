import type { FusedNode } from '../../graph/fused.js';
import type { Node } from '../../graph/graph.js';
import type { Kernel, Value } from './kernel.js';
import type { Kit } from './kernels/kit.js';
import type { Storage } from './storage.js';

export interface LowerOptions {
  readonly maxFaces: number;
  /** Of the big matrices: linear layers and convolutions. */
  readonly storage: Storage;
}

/** What an operation is turned into kernels with. */
export interface Lowering extends LowerOptions {
  readonly kit: Kit;
  /** Where a node's value lives. */
  readonly value: (node: Node) => Value;
}

/** What lower-convolutional.ts has, which is loaded only for networks that need it. */
export interface Convolutional {
  lowerConvolutional(fused: FusedNode, lowering: Lowering): readonly Kernel[] | undefined;
  denseRows(kit: Kit, x: Value, width: number, maxFaces: number): { readonly kernel: Kernel; readonly y: Value };
}
