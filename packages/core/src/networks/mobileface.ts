/**
 * MobileFaceNet (Chen et al., arXiv:1804.07573), a trunk for recognition, BatchNorm folded into the convolutions.
 *
 *   image 112 -> conv 3x3, depthwise 3x3 -> 56x56x64 -> 28x28x64 -> 14x14x128 -> 7x7x128 -> 7x7x512
 *                                                         |level 1    |level 2, level 3       |level 4
 *                                                                                             +-> 7x7 depthwise -> 1x1 -> 512
 *
 * B faces, H W sides of a map, C channels.
 */
import { at } from '../at.js';
import { embeddingLength, MOBILEFACE, type MobileFaceConfig, type MobileFaceTrunk } from '../config.js';
import type { Ops } from '../ops.js';
import type { Checkpoint } from './checkpoint.js';
import { type FeatureMap, Layers, layeredNetwork, padEvenly, recordLayers, type TensorReader } from './layers.js';
import type { Network } from './network.js';
import type { Trunk } from './trunk.js';

/** Side of the aligned face, in pixels. */
export const MOBILEFACE_SIDE = 112;
/** Length of the embedding. */
export const MOBILEFACE_EMBEDDING = 512;

/** What the trunk gives. */
export interface MobileFaceOutputs<T> {
  /** [B, 28*28, 64], [B, 14*14, 128] after three and after all six of its residual blocks, [B, 7*7, 512]. */
  readonly levels: readonly [FeatureMap<T>, FeatureMap<T>, FeatureMap<T>, FeatureMap<T>];
  /** Not normalized; compared by cosine. */
  readonly embedding: T; // [B, 1, 512]
}

const SAME = padEvenly(1);

/** Expand 1x1, depthwise 3x3, project 1x1 without activation; residual where the shape stays. */
function bottleneck<T>(
  layers: Layers<T>,
  name: string,
  x: FeatureMap<T>,
  expanded: number,
  outputs: number,
  stride: 1 | 2 = 1,
): FeatureMap<T> {
  const wide = layers.prelu(`${name}.expand`, layers.pointwise(`${name}.expand`, x, expanded));
  const kernel = { size: 3, stride, padding: SAME };
  const spread = layers.prelu(`${name}.depthwise`, layers.depthwise(`${name}.depthwise`, wide, kernel));
  const narrow = layers.pointwise(`${name}.project`, spread, outputs);
  return stride === 1 ? layers.add(x, narrow) : narrow;
}

/** Its four levels: [B, 28*28, 64], [B, 14*14, 128] after half and after all of its residual blocks, [B, 7*7, 512]. */
function levels<T>(
  ops: Ops<T>,
  tensor: TensorReader<T>,
  { stem, stages, top }: MobileFaceTrunk,
  picture: T,
  side: number,
): MobileFaceOutputs<T>['levels'] {
  const layers = new Layers(ops, tensor);
  const image = layers.image(picture, [side, side]);
  let x = layers.prelu('stem', layers.conv('stem', image, stem, { size: 3, stride: 2, padding: SAME }));
  x = layers.prelu('stem_depthwise', layers.depthwise('stem_depthwise', x, { size: 3, padding: SAME })); // [B, 56*56, 64]

  /** The maps before and after each residual block. */
  const stage = (index: 0 | 1 | 2) => {
    const { channels, entry, inner, blocks } = stages[index];
    x = bottleneck(layers, `stages.${index}.0`, x, entry, channels, 2);
    const maps = [x];
    for (let b = 0; b < blocks; b++) {
      x = bottleneck(layers, `stages.${index}.${b + 1}`, x, inner, channels);
      maps.push(x);
    }
    return maps;
  };
  const level1 = at(stage(0), stages[0].blocks); // [B, 28*28, 64]
  const finer = stage(1);
  const level2 = at(finer, stages[1].blocks >> 1); // [B, 14*14, 128]
  const level3 = at(finer, stages[1].blocks); // [B, 14*14, 128]
  stage(2); // [B, 7*7, 128]
  return [level1, level2, level3, layers.prelu('top', layers.pointwise('top', x, top))];
}

/** MobileFaceNet forward: RGB in [-1, 1], [B, 3, 112, 112] -> four levels and the embedding. */
export function mobileFace<T>(ops: Ops<T>, tensor: TensorReader<T>, picture: T): MobileFaceOutputs<T> {
  const maps = levels(ops, tensor, MOBILEFACE, picture, MOBILEFACE_SIDE);
  const layers = new Layers(ops, tensor);
  const pooled = layers.depthwise('pool', maps[3], { size: 7 }); // [B, 1, 512]
  const embedding = layers.pointwise('embedding', pooled, MOBILEFACE_EMBEDDING); // [B, 1, 512]
  return { levels: maps, embedding: embedding.x };
}

/** The network for recognition alone, with output `embedding`. */
export const mobileFaceNetwork = (): Network =>
  layeredNetwork(
    'mobilefacenet',
    { channels: 3, height: MOBILEFACE_SIDE, width: MOBILEFACE_SIDE },
    (ops, tensor, picture) => ({ embedding: mobileFace(ops, tensor, picture).embedding }),
  );

/** The same as a trunk of SwinFace: its tensors under `backbone.`, its own embedding the identity. */
export function mobileFaceTrunk(config: MobileFaceConfig, checkpoint: Checkpoint): Trunk {
  const { image, trunk } = config;
  const recorded = recordLayers([1, 3, image, image], (ops, tensor, picture) =>
    levels(ops, tensor, trunk, picture, image).map(({ channels, sides: [side] }) => ({ channels, side })),
  );
  const tensors = [...recorded.tensors].map(([name, shape]) => [name, checkpoint.tensor(`backbone.${name}`, shape)]);
  const { channels, side } = at(recorded.result, 3);
  return {
    levels: recorded.result,
    weights: Object.fromEntries(tensors),
    forward: (ops, weight, picture) => levels(ops, weight, trunk, picture, image).map(({ x }) => x),
    recognition: () => ({
      pool: checkpoint.biased('backbone.pool', [channels, 1, side, side]),
      embedding: checkpoint.biased('backbone.embedding', [embeddingLength(config), channels]),
    }),
  };
}
