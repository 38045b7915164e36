/** The one place that knows every network. */
import { isObject, requireInput } from '@swinface/geometry';
import { type ModelConfig, type OutputSelection, requireSelection, selectOutputs } from '../config.js';
import type { Shape } from './network.js';
import { type SwinFace, type SwinFaceOptions, swinFace } from './swinface.js';

/**
 * The network of a selection's config, computing what is selected.
 *
 * @throws {InvalidInputError} if `selection` is not what `selectOutputs` gives
 */
export function networkOf(selection: OutputSelection, options: SwinFaceOptions = {}): SwinFace {
  requireSelection(selection);
  const usable = isObject(options) && (options.levels === undefined || typeof options.levels === 'boolean');
  requireInput(usable, 'The argument "options" of networkOf', 'an object, "levels" in it true or false', options);
  return swinFace(selection, options);
}

/**
 * Every tensor of a network by its checkpoint name, with its shape, in checkpoint order. `backbone.head.*` is in the
 * authors' checkpoint but unused, hence not listed.
 */
export const tensorShapes = (config: ModelConfig): ReadonlyMap<string, Shape> =>
  networkOf(selectOutputs(config)).tensors;
