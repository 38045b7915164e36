import { pyramidBlocks, windowedSides } from '../../../ops.js';
import { sizeOf } from '../../../tensor.js';
import { constant, only, read, uniform, vectors, WORKGROUP, write } from '../kernel.js';
import { StoredMatrix, WIDEN } from '../storage.js';
import { ACTIVATIONS } from './activation.js';
import ACTIVATION_SOURCE from './fragments/activation.wgsl?raw';
import { product } from './product.js';

/**
 * What the kernels of convolutional networks are made with. It is handed to them, not imported: a chunk that is loaded later
 * and shares modules with what every page loads would have bundlers cut that into pieces.
 */
export const kit = {
  ACTIVATIONS,
  ACTIVATION_SOURCE,
  constant,
  only,
  product,
  pyramidBlocks,
  read,
  sizeOf,
  StoredMatrix,
  uniform,
  vectors,
  WIDEN,
  windowedSides,
  WORKGROUP,
  write,
} as const;

/** See {@link kit}. */
export type Kit = typeof kit;
