/**
 * The face mesh of MediaPipe, 468 points (Kartynnik et al., arXiv:1907.06724; weights Apache-2.0, from npm).
 *
 *   image 192 -> conv 3x3 -> 96x96x16 -> 48x48x32 -> 24x24x64 -> 12x12x128 -> 6x6x128 -+-> 3x3x128 -> 3x3x32 -> 1404
 *                                                                                      +-> 3x3x128 -> 3x3x32 -> face?
 *
 * B faces, H W sides of a map, C channels.
 */
import type { Ops } from '../ops.js';
import { type FeatureMap, Layers, layeredNetwork, padSame, type TensorReader } from './layers.js';
import type { Network } from './network.js';

/** Side of the square picture of one face, turned upright, in pixels. */
export const FACE_MESH_SIDE = 192;
/** Landmarks of the mesh, x, y and z each. */
export const FACE_MESH_POINTS = 468;

/** What the mesh gives. */
export interface FaceMeshOutputs<T> {
  /** x and y in pixels of the picture, z in the same unit with the head's centre as origin. */
  readonly landmarks: T; // [B, 1, 3 * FACE_MESH_POINTS]
  /** Logit of "there is a face". */
  readonly presence: T; // [B, 1, 1]
}

/** Depthwise 3x3, 1x1, and a shortcut that is pooled where the map halves and padded where it widens; then PReLU. */
function block<T>(
  layers: Layers<T>,
  name: string,
  x: FeatureMap<T>,
  outputs: number,
  stride: 1 | 2 = 1,
): FeatureMap<T> {
  const spread = layers.depthwise(`${name}.depthwise`, x, { size: 3, stride, padding: padSame(x.sides, 3, stride) });
  const y = layers.pointwise(`${name}.pointwise`, spread, outputs);
  const pooled = stride === 2 ? layers.maxPool(x) : x;
  return layers.prelu(`${name}.prelu`, layers.add(layers.padChannels(pooled, outputs), y));
}

/** Channels of the trunk's stages; the first block of a later stage halves the map. */
const STAGES = [
  [16, 16], // 96x96
  [32, 32, 32], // 48x48
  [64, 64, 64], // 24x24
  [128, 128, 128], // 12x12
  [128, 128, 128], // 6x6
] as const;
/** Channels of what each head's last layers read. */
const HEAD_CHANNELS = 32;

/** Blocks down to 3x3, a 1x1 convolution to 32 channels, one more block, and a 3x3 convolution over all that is left. */
function head<T>(layers: Layers<T>, name: string, trunk: FeatureMap<T>, blocks: number, outputs: number): T {
  let x = trunk;
  for (let b = 0; b < blocks; b++) x = block(layers, `${name}.blocks.${b}`, x, x.channels, b === 0 ? 2 : 1); // [B, 3*3, 128]
  const squeezed = layers.prelu(`${name}.squeeze`, layers.pointwise(`${name}.squeeze`, x, HEAD_CHANNELS)); // [B, 3*3, 32]
  const last = block(layers, `${name}.last`, squeezed, HEAD_CHANNELS); // [B, 3*3, 32]
  return layers.conv(`${name}.out`, last, outputs, { size: 3 }).x; // [B, 1, outputs]
}

/** Face mesh forward: RGB in [0, 1], [B, 3, 192, 192] -> landmarks and presence. */
export function faceMesh<T>(ops: Ops<T>, tensor: TensorReader<T>, picture: T): FaceMeshOutputs<T> {
  const layers = new Layers(ops, tensor);
  const image = layers.image(picture, [FACE_MESH_SIDE, FACE_MESH_SIDE]);
  const stem = { size: 3, stride: 2, padding: padSame(image.sides, 3, 2) } as const;
  let x = layers.prelu('stem', layers.conv('stem', image, 16, stem)); // [B, 96*96, 16]
  STAGES.forEach((blocks, stage) => {
    blocks.forEach((outputs, b) => {
      x = block(layers, `stages.${stage}.${b}`, x, outputs, stage > 0 && b === 0 ? 2 : 1);
    });
  });
  return {
    landmarks: head(layers, 'landmarks', x, 3, 3 * FACE_MESH_POINTS),
    presence: head(layers, 'presence', x, 1, 1),
  };
}

/** The mesh with outputs `landmarks` and `presence`. */
export const faceMeshNetwork = (): Network =>
  layeredNetwork(
    'face-mesh',
    { channels: 3, height: FACE_MESH_SIDE, width: FACE_MESH_SIDE },
    (ops, tensor, picture) => ({ ...faceMesh(ops, tensor, picture) }),
  );
