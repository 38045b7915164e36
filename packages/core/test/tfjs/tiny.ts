import { type ModelConfig, PRESETS, SUBNETS } from '@swinface/core';

/** SwinFace in small: every kind of layer, shifted windows in three stages, two subnets. */
export const TINY: ModelConfig = {
  ...PRESETS['swinface-nano'],
  name: 'tiny',
  image: 32,
  window: 2,
  embed: 4,
  depths: [2, 2, 2, 1],
  heads: [1, 2, 2, 4],
  mlp: 2,
  feature: 8,
  embedding: 12,
  split: [2, 2, 2, 2],
  reduction: 4,
  subnets: SUBNETS.slice(1, 3),
};

/** TINY with a block a stage: fewer shaders to compile where only coming and going is tested. */
export const SHALLOW: ModelConfig = { ...TINY, depths: [1, 1, 1, 1] };
