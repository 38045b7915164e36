import type { FusedConvolution } from '../../../graph/fused.js';
import { windowedSides } from '../../../ops.js';
import { type Lowering, strideOf, widthOf } from '../lowering.js';
import { paddedBias, paddedRows } from '../panels.js';
import { NONE, placeActivation } from './activation.js';
import { sum } from './elementwise.js';

/** A convolution of each channel by itself; a residual is added in a step of its own. */
export function depthwise(fused: FusedConvolution, lowering: Lowering): void {
  const { label, x, y, weights, geometry, residual } = fused;
  const { layout } = lowering;
  const { sides, kernel, stride, padding } = geometry;
  const [down, across] = windowedSides(geometry);
  const channels = widthOf(x);
  const taps = kernel[0] * kernel[1];
  const weight = paddedRows(layout, channelsLast(weights.weight.data, channels), channels);
  const bias = paddedBias(layout, weights.bias, channels);
  const activation = placeActivation(residual ? NONE : fused.activation, channels, 4, lowering);
  const from = lowering.value(x);
  const to = residual ? layout.activation(4 * lowering.capacity * down * across * strideOf(y)) : lowering.bind(y);
  const description = lowering.description((at) => [
    at(from),
    at(weight),
    at(bias),
    activation.slopes(at),
    at(to),
    strideOf(x),
    ...sides,
    down,
    across,
    ...kernel,
    stride,
    padding.top,
    padding.left,
    activation.code,
  ]);
  // A product does twice as much in the time.
  const work = 4 * down * across * taps * strideOf(x);
  lowering.step(label, work, (at) => ({ op: 'depthwise', args: [at(description)], items: down }));
  if (residual) {
    const terms = [
      { region: to, width: strideOf(y) },
      { region: lowering.value(residual), width: strideOf(residual) },
    ] as const;
    sum({ label: `${label}.sum`, terms, y, activation: fused.activation }, lowering);
    layout.release(to);
  }
}

/** [C, taps] -> [taps, C] */
function channelsLast(data: Float32Array, channels: number): Float32Array {
  const taps = data.length / channels;
  return Float32Array.from(data, (_, i) => data[(i % channels) * taps + Math.floor(i / channels)] as number);
}
