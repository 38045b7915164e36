import type { FusedTaskOutputs } from '../../../graph/fused.js';
import { type Lowering, strideOf, widthOf } from '../lowering.js';
import { biasOrZeros, integers, paddedRows } from '../panels.js';

/** The logits of all tasks. */
export function taskOutputs(fused: FusedTaskOutputs, lowering: Lowering): void {
  const { label, x: features, y: logits, weights, rows } = fused;
  const { layout } = lowering;
  const x = lowering.value(features);
  const y = lowering.bind(logits);
  const [, capacity = 0] = features.shape;
  const width = strideOf(features);
  const outputs = rows.length;
  const weight = paddedRows(layout, weights.weight.data, widthOf(features));
  const bias = biasOrZeros(layout, weights.bias, outputs);
  const subnetOf = integers(layout, rows);
  lowering.step(label, 2 * outputs * width, (at) => ({
    op: 'taskOutputs',
    args: [at(x), at(y), width, capacity, outputs, at(weight), at(bias), at(subnetOf)],
    items: 1,
  }));
}
