import type { Activation, FusedElementwise, FusedPadChannels } from '../../../graph/fused.js';
import type { Node } from '../../../graph/graph.js';
import { sizeOf } from '../../../tensor.js';
import type { Region } from '../layout.js';
import { type Lowering, strideOf, widthOf } from '../lowering.js';
import { NONE, placeActivation } from './activation.js';

/** A summand; where it is narrower than the sum, what it lacks is zero. */
interface Term {
  readonly region: Region;
  readonly width: number;
}

/** An activation, a sum, or channels of zeros appended, where no other kernel could do it. */
export function elementwise(fused: FusedElementwise | FusedPadChannels, lowering: Lowering): void {
  const { label, x, y } = fused;
  const term = (node: Node): Term => ({ region: lowering.value(node), width: strideOf(node) });
  const { residual = undefined, activation } = fused.op === 'elementwise' ? fused : { activation: NONE };
  sum({ label, terms: [term(x), residual && term(residual)], y, activation }, lowering);
}

/** The step of a sum. */
export function sum(
  {
    label,
    terms: [x, other],
    y,
    activation,
  }: {
    readonly label: string;
    readonly terms: readonly [Term, Term | undefined];
    readonly y: Node;
    readonly activation: Activation;
  },
  lowering: Lowering,
): void {
  const placed = placeActivation(activation, widthOf(y), 4, lowering);
  const to = lowering.bind(y);
  const width = strideOf(y);
  const rows = sizeOf(y.shape) / widthOf(y) / lowering.capacity;
  lowering.step(label, 4 * rows * width, (at) => ({
    op: 'sum',
    args: [
      at(x.region),
      x.width,
      other ? at(other.region) : 0,
      other?.width ?? 0,
      at(to),
      width,
      placed.code,
      placed.slopes(at),
    ],
    items: rows,
  }));
}
