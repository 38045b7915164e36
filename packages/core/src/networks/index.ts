/** The one place that knows every network. */
import { type ModelConfig, type OutputSelection, selectOutputs } from '../config.js';
import type { Shape } from './network.js';
import { type SwinFace, type SwinFaceOptions, swinFace } from './swinface.js';

/** The network of a selection's config, computing what is selected. */
export const networkOf = (selection: OutputSelection, options?: SwinFaceOptions): SwinFace =>
  swinFace(selection, options);

/**
 * Every tensor of a network by its checkpoint name, with its shape, in checkpoint order. `backbone.head.*` is in the
 * authors' checkpoint but unused, hence not listed.
 */
export const tensorShapes = (config: ModelConfig): ReadonlyMap<string, Shape> =>
  networkOf(selectOutputs(config)).tensors;
