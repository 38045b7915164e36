import { fileURLToPath } from 'node:url';
import { type HostTensor, type ModelConfig, PRESETS, tensorShapes } from '@swinface/core';
import { syntheticTensor } from '@swinface/testing';

/** A file that PyTorch wrote; `make.py` beside it says how. */
export const checkpointFixture = (name: 'tiny.pt' | 'legacy.pt' | 'script.pt'): string =>
  fileURLToPath(new URL(`../../fixtures/checkpoints/${name}`, import.meta.url));

const nano = PRESETS['swinface-nano'];

/** The network of `tiny.pt`. */
export const TINY_CHECKPOINT: ModelConfig = {
  ...nano,
  name: 'tiny',
  image: 32,
  window: 2,
  embed: 4,
  depths: [2, 1, 1, 1],
  heads: [1, 2, 2, 2],
  mlp: 1,
  feature: 8,
  split: [1, 2, 2, 3],
  reduction: 2,
  subnets: nano.subnets.slice(0, 2),
};

/** What `make.py` put into `tiny.pt`, whatever the layout and the type it was stored in. */
export function tinyCheckpointTensor(name: string): HostTensor {
  const shape = tensorShapes(TINY_CHECKPOINT).get(name) ?? [];
  if (name === 'om.output_fcs.1.bias') return { shape, data: Float32Array.of(40) };
  const eighths = ['backbone.norm.weight', 'backbone.norm.bias', 'backbone.feature.1.running_var'];
  if (eighths.includes(name)) return { shape, data: Float32Array.from({ length: 32 }, (_, i) => (i % 16) / 8) };
  return syntheticTensor(name, shape);
}
