/**
 * BlazeFace, the detectors of MediaPipe (Bazarevsky et al., arXiv:1907.05047; weights Apache-2.0, from npm).
 *
 *   short range  image 128 -> conv 5x5 -> 11 blocks -> 16x16x88 -+-> 5 blocks -> 8x8x96 -+
 *                                                    2 anchors <-+            6 anchors <-+
 *
 *   full range   image 192 -> conv 3x3 -> 48x48x64 -> 24x24x128 -> 12x12x256 -> 6x6x384
 *                                            |            |            |           |
 *                          1 anchor <- 48x48x48 <------ 24x24x64 <-- 12x12x96 <----+   (upsampled and added)
 *
 * B pictures, H W sides of a map, C channels, A anchors a token.
 */
import type { Ops } from '../ops.js';
import { type FeatureMap, Layers, layeredNetwork, padSame, type TensorReader } from './layers.js';
import type { Network } from './network.js';

/** Which of MediaPipe's two detectors: for faces within 2 metres of a phone, or within 5. */
export type BlazeFaceRange = 'short' | 'full';

/** Side of the square picture that a detector looks at, in pixels. */
export const BLAZEFACE_SIDE: Readonly<Record<BlazeFaceRange, number>> = { short: 128, full: 192 };

/** One map of anchors, row by row: `side` x `side` places, `anchors` at each. */
export interface AnchorLevel {
  readonly side: number;
  readonly anchors: number;
}

/** The maps whose scores and boxes a detector gives, in the order of its outputs. */
export const BLAZEFACE_LEVELS: Readonly<Record<BlazeFaceRange, readonly AnchorLevel[]>> = {
  short: [
    { side: 16, anchors: 2 },
    { side: 8, anchors: 6 },
  ],
  full: [{ side: 48, anchors: 1 }],
};

/** Numbers that a detector gives per anchor: box centre and size, then x and y of six keypoints, in pixels of its picture. */
export const BLAZEFACE_BOX = 16;

/** What a detector gives for each of its {@link BLAZEFACE_LEVELS}. */
export interface BlazeFaceLevel<T> {
  readonly scores: T; // [B, H*W, A], logits
  readonly boxes: T; // [B, H*W, A * BLAZEFACE_BOX]
}

/** Residual sum over a shortcut that is pooled where the block halves the map and padded where it widens it. */
function shortcut<T>(layers: Layers<T>, input: FeatureMap<T>, output: FeatureMap<T>): FeatureMap<T> {
  const pooled = input.sides[0] === output.sides[0] ? input : layers.maxPool(input);
  return layers.relu(layers.add(layers.padChannels(pooled, output.channels), output));
}

/** Depthwise 3x3, then 1x1 to `outputs` channels, around a shortcut. */
function singleBlock<T>(
  layers: Layers<T>,
  name: string,
  x: FeatureMap<T>,
  outputs: number,
  stride: 1 | 2,
): FeatureMap<T> {
  const kernel = { size: 3, stride, padding: padSame(x.sides, 3, stride) };
  const spread = layers.depthwise(`${name}.depthwise`, x, kernel);
  return shortcut(layers, x, layers.pointwise(`${name}.pointwise`, spread, outputs));
}

/** Two of these in a row, the first to a bottleneck of `inner` channels, around one shortcut. */
function doubleBlock<T>(
  layers: Layers<T>,
  name: string,
  x: FeatureMap<T>,
  inner: number,
  outputs: number,
  stride: 1 | 2 = 1,
): FeatureMap<T> {
  const first = { size: 3, stride, padding: padSame(x.sides, 3, stride) };
  const spread = layers.depthwise(`${name}.depthwise1`, x, first);
  const squeezed = layers.relu(layers.pointwise(`${name}.pointwise1`, spread, inner));
  const second = { size: 3, padding: padSame(squeezed.sides, 3, 1) };
  const again = layers.depthwise(`${name}.depthwise2`, squeezed, second);
  return shortcut(layers, x, layers.pointwise(`${name}.pointwise2`, again, outputs));
}

/** Scores and boxes of a map: a 1x1 convolution each. */
function heads<T>(layers: Layers<T>, name: string, map: FeatureMap<T>, anchors: number): BlazeFaceLevel<T> {
  return {
    scores: layers.pointwise(`${name}.scores`, map, anchors).x, // [B, H*W, A]
    boxes: layers.pointwise(`${name}.boxes`, map, anchors * BLAZEFACE_BOX).x, // [B, H*W, A * 16]
  };
}

/** Channels of the short range's blocks; those marked 2 halve the map. */
const SHORT_FINE = [
  [24, 1],
  [28, 1],
  [32, 2],
  [36, 1],
  [42, 1],
  [48, 2],
  [56, 1],
  [64, 1],
  [72, 1],
  [80, 1],
  [88, 1],
] as const;
const SHORT_COARSE = [
  [96, 2],
  [96, 1],
  [96, 1],
  [96, 1],
  [96, 1],
] as const;

function shortRange<T>(layers: Layers<T>, picture: T): BlazeFaceLevel<T>[] {
  const image = layers.image(picture, [128, 128]);
  const stem = { size: 5, stride: 2, padding: padSame(image.sides, 5, 2) } as const;
  let x = layers.relu(layers.conv('stem', image, 24, stem)); // [B, 64*64, 24]
  let block = 0;
  for (const [outputs, stride] of SHORT_FINE) x = singleBlock(layers, `blocks.${block++}`, x, outputs, stride);
  const fine = x; // [B, 16*16, 88]
  for (const [outputs, stride] of SHORT_COARSE) x = singleBlock(layers, `blocks.${block++}`, x, outputs, stride);
  return [heads(layers, 'heads.0', fine, 2), heads(layers, 'heads.1', x, 6)]; // x [B, 8*8, 96]
}

/** Bottleneck and output channels of the full range's blocks, stage by stage; the first of a later stage halves the map. */
const FULL_STAGES = [
  [
    [8, 32],
    [8, 32],
  ], // 96x96
  [
    [12, 48],
    [12, 48],
    [16, 64],
  ], // 48x48
  [
    [24, 96],
    [32, 128],
    [32, 128],
  ], // 24x24
  [
    [36, 144],
    [48, 192],
    [64, 256],
  ], // 12x12
  [
    [96, 384],
    [96, 384],
    [96, 384],
    [96, 384],
  ], // 6x6
] as const;
/** Channels and blocks of the way back up, from 12x12 to 48x48. */
const FULL_FUSED = [
  [96, 2],
  [64, 2],
  [48, 1],
] as const;

function fullRange<T>(layers: Layers<T>, picture: T): BlazeFaceLevel<T>[] {
  const image = layers.image(picture, [192, 192]);
  const stem = { size: 3, stride: 2, padding: padSame(image.sides, 3, 2) } as const;
  let x = layers.relu(layers.conv('stem', image, 32, stem)); // [B, 96*96, 32]
  const levels = FULL_STAGES.map((blocks, stage) => {
    blocks.forEach(([inner, outputs], block) => {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      x = doubleBlock(layers, `stages.${stage}.${block}`, x, inner, outputs, stride);
    });
    return x;
  });
  const finer = levels.slice(1, -1).reverse(); // [B, 12*12, 256] [B, 24*24, 128] [B, 48*48, 64]
  finer.forEach((level, step) => {
    const [channels, blocks] = FULL_FUSED[step] ?? [0, 0];
    const name = `fused.${step}`;
    const top = layers.relu(layers.pointwise(`${name}.top`, x, channels));
    const lateral = layers.relu(layers.pointwise(`${name}.lateral`, level, channels));
    x = layers.add(lateral, layers.resize(top, level.sides)); // [B, H*W, channels]
    for (let b = 0; b < blocks; b++) x = doubleBlock(layers, `${name}.blocks.${b}`, x, channels / 2, channels);
  });
  return [heads(layers, 'heads.0', x, 1)]; // x [B, 48*48, 48]
}

/** BlazeFace forward: RGB in [-1, 1], [B, 3, side, side] -> scores and boxes of every level. */
export function blazeFace<T>(
  ops: Ops<T>,
  range: BlazeFaceRange,
  tensor: TensorReader<T>,
  picture: T,
): readonly BlazeFaceLevel<T>[] {
  const layers = new Layers(ops, tensor);
  return range === 'short' ? shortRange(layers, picture) : fullRange(layers, picture);
}

/** A detector with outputs `scores0`, `boxes0` and so on for each of its {@link BLAZEFACE_LEVELS}. */
export const blazeFaceNetwork = (range: BlazeFaceRange): Network => {
  const side = BLAZEFACE_SIDE[range];
  return layeredNetwork(
    `blazeface-${range}`,
    { channels: 3, height: side, width: side },
    <T>(ops: Ops<T>, tensor: TensorReader<T>, picture: T) =>
      Object.fromEntries(
        blazeFace(ops, range, tensor, picture).flatMap(({ scores, boxes }, level) => [
          [`scores${level}`, scores],
          [`boxes${level}`, boxes],
        ]),
      ),
  );
};
