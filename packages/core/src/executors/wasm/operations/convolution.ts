import type { FusedConvolution } from '../../../graph/fused.js';
import { windowedSides } from '../../../ops.js';
import type { HostTensor } from '../../../tensor.js';
import { type Lowering, strideOf, widthOf } from '../lowering.js';
import { paddedPlaces, tapPlaces } from '../panels.js';
import { depthwise } from './depthwise.js';
import { product } from './product.js';

/** A convolution with everything around it. */
export function convolution(fused: FusedConvolution, lowering: Lowering): void {
  const { label, x, y, planes, weights, geometry, residual, activation } = fused;
  const { weight, bias } = weights;
  const [outputs = 1, , kernelHeight = 1, kernelWidth = 1] = weight.shape;
  const { groups } = geometry;
  if (groups === outputs && weight.shape[1] === 1 && !planes) {
    depthwise(fused, lowering);
    return;
  }
  const taps = kernelHeight * kernelWidth;
  const channels = planes ? (x.shape[1] ?? 1) : widthOf(x);
  const inputs = channels * taps;
  const [height, width] = windowedSides(geometry);
  product(
    {
      label,
      x,
      source: { load: planes ? 'picture' : 'window', window: geometry },
      y: lowering.bind(y),
      stride: strideOf(y),
      matrix: {
        data: ungrouped(weight, groups),
        subnets: 1,
        outputs,
        inputs,
        ...(planes ? paddedPlaces(inputs) : { places: tapPlaces(channels, taps) }),
      },
      bias,
      residual,
      activation,
      tokens: height * width,
    },
    lowering,
  );
}

/** [O, C / groups, kernel height, kernel width] -> [O, C, ...]: with zeros for the inputs of other groups. */
function ungrouped({ data, shape }: HostTensor, groups: number): Float32Array {
  if (groups === 1) return data;
  const [outputs = 1] = shape;
  const own = data.length / outputs;
  const result = new Float32Array(data.length * groups);
  for (let o = 0; o < outputs; o++) {
    const group = Math.floor((o * groups) / outputs);
    result.set(data.subarray(o * own, (o + 1) * own), (o * groups + group) * own);
  }
  return result;
}
