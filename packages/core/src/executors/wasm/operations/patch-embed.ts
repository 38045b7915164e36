import type { FusedPatchEmbed } from '../../../graph/fused.js';
import { type Lowering, multipleOfFour, strideOf } from '../lowering.js';
import { floats, paddedPlaces } from '../panels.js';
import { product } from './product.js';

const NO_PADDING = { top: 0, right: 0, bottom: 0, left: 0 };

/** Patches to tokens, and the LayerNorm that follows. */
export function patchEmbed(fused: FusedPatchEmbed, lowering: Lowering): void {
  const { label, x, y: tokenMap, weights, layerNorm } = fused;
  const { weight, bias } = weights;
  const [outputs = 1, colours = 1, patch = 1] = weight.shape;
  const [, , height = 0, width = 0] = x.shape;
  const [, tokens = 0] = tokenMap.shape;
  multipleOfFour(outputs, label);
  const y = lowering.bind(tokenMap);
  const inputs = colours * patch ** 2;
  const matrix = { data: weight.data, subnets: 1, outputs, inputs, ...paddedPlaces(inputs) };
  const window = { sides: [height, width], kernel: [patch, patch], stride: patch, padding: NO_PADDING } as const;
  const stride = strideOf(tokenMap);
  product({ label, x, source: { load: 'picture', window }, y, stride, matrix, bias, tokens }, lowering);
  const scale = floats(lowering.layout, layerNorm.weight.data);
  const shift = floats(lowering.layout, layerNorm.bias.data);
  lowering.step(tokenMap.label, 8 * tokens * outputs, (at) => ({
    op: 'layerNorm',
    args: [at(y), outputs, at(scale), at(shift)],
    items: tokens,
  }));
}
