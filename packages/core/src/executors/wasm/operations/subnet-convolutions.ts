import type { FusedSubnetConvolutions } from '../../../graph/fused.js';
import { type Lowering, multipleOfFour } from '../lowering.js';
import { integers, tapPlaces } from '../panels.js';
import { product } from './product.js';

const AROUND = { top: 1, right: 1, bottom: 1, left: 1 };

/** Each convolution of all subnets is one product that scatters its columns over the concatenation [B, L, S, F]. */
export function subnetConvolutions(fused: FusedSubnetConvolutions, lowering: Lowering): void {
  const y = lowering.bind(fused.y);
  const [subnets = 1, , , features = 0] = fused.y.shape;
  multipleOfFour(features, fused.label);
  for (const { label, x, weight, size, offset } of fused.parts) {
    const [, outputs = 1, channels = 1] = weight.shape;
    const columns = Array.from(
      { length: subnets * outputs },
      (_, column) => Math.floor(column / outputs) * features + offset + (column % outputs),
    );
    const places = tapPlaces(channels, 9);
    const window = { sides: [size, size], kernel: [3, 3], stride: 1, padding: AROUND } as const;
    product(
      {
        label,
        x,
        source: { load: 'window', window },
        y,
        stride: subnets * features,
        matrix: { data: weight.data, subnets: 1, outputs: subnets * outputs, inputs: 9 * channels, places },
        tokens: size ** 2,
        columns: integers(lowering.layout, columns),
      },
      lowering,
    );
  }
}
