/** Kernels that only convolutional networks need: a page that runs none does not load them. */
import type { FusedNode } from '../../graph/fused.js';
import type { Node } from '../../graph/graph.js';
import type { Kernel, Value } from './kernel.js';
import { convolution } from './kernels/convolution.js';
import { elementwise } from './kernels/elementwise.js';
import { imageTokens } from './kernels/image_tokens.js';
import { maxPool } from './kernels/max_pool.js';
import { meanTokens } from './kernels/mean_tokens.js';
import { pyramidMax } from './kernels/pyramid_max.js';
import { resizeBilinear } from './kernels/resize_bilinear.js';
import { squeezeExcite } from './kernels/squeeze_excite.js';
import type { Lowering } from './lowering.js';

export { denseRows } from './kernels/dense_rows.js';

const NONE = { kind: 'none' } as const;

/** The kernels that compute a fused node; none where it is no affair of this file. */
export function lowerConvolutional(fused: FusedNode, lowering: Lowering): readonly Kernel[] | undefined {
  const { kit, value, maxFaces, storage } = lowering;
  const { label } = fused;
  const width = ({ shape }: Node) => shape[shape.length - 1] ?? 1;
  const term = (node: Node) => ({ value: value(node), width: width(node) });
  /** Rows of one face. */
  const tokens = (node: Node) => kit.sizeOf(node.shape) / width(node) / maxFaces;
  const y = value(fused.y);
  switch (fused.op) {
    case 'convolution': {
      const { x, planes, weights, geometry, residual, activation } = fused;
      const [tokenMap, ...before] = planes ? imageAsTokens(`${label}.tokens`, x, lowering) : [value(x)];
      const kernel = {
        ...convolution(kit, {
          label,
          x: tokenMap,
          y,
          maxFaces,
          ...weights,
          geometry,
          activation,
          ...(residual ? { residual: value(residual), residualWidth: width(residual) } : {}),
          storage,
        }),
        weights: fused.tensors,
      };
      return [...before, kernel];
    }
    case 'elementwise': {
      const { x, residual, activation } = fused;
      const other = residual ? { other: term(residual) } : {};
      return [elementwise(kit, { label, x: term(x), ...other, y: term(fused.y), tokens: tokens(fused.y), activation })];
    }
    case 'padChannels':
      return [
        elementwise(kit, { label, x: term(fused.x), y: term(fused.y), tokens: tokens(fused.y), activation: NONE }),
      ];
    case 'imageTokens': {
      const [, channels = 0] = fused.x.shape;
      return [imageTokens(kit, { label, image: value(fused.x), y, channels, pixels: tokens(fused.y) })];
    }
    case 'maxPool':
      return [maxPool(kit, { label, x: value(fused.x), y, channels: width(fused.x), geometry: fused.geometry })];
    case 'meanTokens':
      return [meanTokens(kit, { label, x: value(fused.x), y, channels: width(fused.x), tokens: tokens(fused.x) })];
    case 'resizeBilinear': {
      const { x, from, to } = fused;
      return [resizeBilinear(kit, { label, x: value(x), y, channels: width(x), from, to })];
    }
    case 'squeezeExcite': {
      const { x, weights } = fused;
      const [squeeze, excite] = squeezeExcite(kit, { label, x: value(x), y, maxFaces, tokens: tokens(x), weights });
      return [{ ...squeeze, weights: fused.tensors }, excite];
    }
    case 'pyramidMax': {
      const { x, sides, levels } = fused;
      return [pyramidMax(kit, { label, x: value(x), y, channels: width(x), sides, levels })];
    }
    default:
      return undefined;
  }
}

/** A picture's planes as tokens that only this kernel's successor reads. */
function imageAsTokens(label: string, picture: Node, { kit, value, maxFaces }: Lowering): [Value, Kernel] {
  const [, channels = 0, height = 0, width = 0] = picture.shape;
  const pixels = height * width;
  const y: Value = { kind: 'value', label, length: maxFaces * pixels * 4 * kit.vectors(channels) };
  return [y, imageTokens(kit, { label, image: value(picture), y, channels, pixels })];
}
