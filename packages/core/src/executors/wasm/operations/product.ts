import type { Activation, FusedProduct } from '../../../graph/fused.js';
import type { Node } from '../../../graph/graph.js';
import { type LayerNormWeights, type SlidingWindow, windowedSides } from '../../../ops.js';
import type { HostTensor } from '../../../tensor.js';
import type { Region } from '../layout.js';
import { type Lowering, multipleOfFour, padded, strideOf, widthOf } from '../lowering.js';
import { biasPanels, type Matrix, paddedPlaces, weightPanels } from '../panels.js';
import { productScratch } from '../scratch.js';
import { TILE_COLUMNS } from '../steps.js';
import { NONE, placeActivation } from './activation.js';

/** How a product reads its rows; `assembly/product.ts`. */
const LOAD = { rows: 0, window: 1, merged: 2, picture: 3 } as const;

/** Where a product finds the rows that it multiplies. */
export type Source =
  | { readonly load: 'rows' }
  /** What a window shows of a token map, or of a picture's planes. */
  | { readonly load: 'window' | 'picture'; readonly window: SlidingWindow }
  /** The 2x2 squares of a square token map of this side. */
  | { readonly load: 'merged'; readonly side: number };

/** What a product reads and writes besides its matrix. */
export interface ProductOptions {
  readonly label: string;
  readonly x: Node;
  readonly source: Source;
  readonly y: Region;
  /** Elements from one row of y to the next. */
  readonly stride: number;
  readonly matrix: Matrix;
  readonly bias?: HostTensor | undefined;
  readonly norm?: LayerNormWeights<HostTensor> | undefined;
  /** Of as many channels as the result, or of fewer. */
  readonly residual?: Node | undefined;
  readonly activation?: Activation;
  /** Rows of one item. */
  readonly tokens: number;
  /** Where in a row of y each column goes, i32 [outputs]; one after another where absent. */
  readonly columns?: Region;
}

/** A linear layer with everything around it. */
export function linear(fused: FusedProduct, lowering: Lowering): void {
  const { label, x, y, weights, layerNorm, mergedSize, residual, activation, rows } = fused;
  const { weight, bias } = weights;
  const [inputs = 1, outputs = 1, subnets = 1] = [...weight.shape].reverse();
  if (mergedSize !== undefined) multipleOfFour(inputs / 4, label);
  else if (layerNorm) multipleOfFour(inputs, label);
  product(
    {
      label,
      x,
      source: mergedSize === undefined ? { load: 'rows' } : { load: 'merged', side: mergedSize },
      y: lowering.bind(y),
      stride: strideOf(y),
      matrix: { data: weight.data, subnets, outputs, inputs, ...paddedPlaces(inputs) },
      bias,
      norm: layerNorm,
      residual,
      activation,
      tokens: rows / lowering.capacity,
    },
    lowering,
  );
}

/** The step of a product, whatever it reads. */
export function product(options: ProductOptions, lowering: Lowering): void {
  const { label, x, source, y, stride, matrix, norm, residual, tokens, columns } = options;
  const { subnets, outputs, inputs, places } = matrix;
  const { layout, capacity } = lowering;
  const weight = weightPanels(layout, matrix, norm?.weight);
  const bias = biasPanels(layout, matrix, options.bias, norm?.bias);
  const activation = placeActivation(options.activation ?? NONE, outputs, TILE_COLUMNS, lowering);
  const taps = source.load === 'window' ? source.window.kernel[0] * source.window.kernel[1] : 1;
  const depth = (places?.length ?? inputs) / taps;
  const geometry = geometryOf(source, x);
  const beyond = source.load === 'window' ? layout.constant(4 * depth, () => {}) : undefined;
  const from = lowering.value(x);
  const added = residual && lowering.value(residual);
  const description = lowering.description((at) => [
    at(from),
    at(weight),
    at(bias),
    activation.slopes(at),
    added ? at(added) : 0,
    at(y),
    depth,
    taps,
    outputs,
    tokens,
    LOAD[source.load],
    norm ? 1 : 0,
    activation.code,
    strideOf(x),
    stride,
    residual ? strideOf(residual) : 0,
    columns ? at(columns) : 0,
    capacity * tokens * strideOf(x),
    capacity * tokens * stride,
    beyond ? at(beyond) : 0,
    ...geometry,
  ]);
  const panels = subnets * Math.ceil(outputs / TILE_COLUMNS);
  const work = 2 * subnets * tokens * depth * taps * outputs;
  lowering.step(
    label,
    work,
    (at) => ({ op: 'product', at: at(description), tokens, panels }),
    productScratch(taps, depth),
  );
}

/** The last members of a product's description; `assembly/product.ts`. */
function geometryOf(source: Source, x: Node): readonly number[] {
  if (source.load === 'rows') return [];
  if (source.load === 'merged') return [source.side, source.side, padded(widthOf(x))];
  const { window, load } = source;
  const { sides, kernel, stride, padding } = window;
  const channels = load === 'picture' ? (x.shape[1] ?? 1) : widthOf(x);
  const [, across] = windowedSides(window);
  return [...sides, channels, across, ...kernel, stride, padding.top, padding.left];
}
