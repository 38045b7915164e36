import type { Kernel } from '../kernel.js';
import { type ConvolutionOptions, depthwise } from './depthwise.js';
import rowsWindow from './fragments/rows_window.wgsl?raw';
import type { Kit } from './kit.js';

/** A convolution with what stands after it: bias, residual, activation. */
export function convolution(kit: Kit, options: ConvolutionOptions): Kernel {
  const { weight, geometry } = options;
  const [outputs, perGroup] = weight.shape as [number, number];
  const { groups } = geometry;
  return perGroup === 1 && groups > 1 && groups === outputs ? depthwise(kit, options) : windowProduct(kit, options);
}

/**
 * As the product of a matrix whose rows are the windows. Of several groups the weights between one and the other are
 * zeros, which costs time: no network of ours has groups of more than one channel.
 */
function windowProduct(kit: Kit, { weight, geometry, ...options }: ConvolutionOptions): Kernel {
  const { product, sizeOf, vectors, windowedSides } = kit;
  const [outputs, perGroup, kernelHeight, kernelWidth] = weight.shape as [number, number, number, number];
  const { sides, stride, padding, groups } = geometry;
  const taps = kernelHeight * kernelWidth;
  const c4 = vectors(perGroup * groups);
  const [lines, columns] = windowedSides(geometry);
  const group = (row: number) => Math.floor(row / (outputs / groups));
  const places = {
    depth: 4 * c4 * taps,
    of: (i: number, row: number) => (i % taps) * 4 * c4 + Math.floor(i / taps) + group(row) * perGroup,
  };
  const matrix = {
    shape: [outputs, perGroup * taps],
    // Not here yet, perhaps.
    get data() {
      return weight.data;
    },
  };
  const rows = { ...options, weight: matrix, places, tokens: lines * columns };
  const { top, right, bottom, left } = padding;
  const isWhole = lines * columns === 1 && top + right + bottom + left === 0 && sizeOf(sides) === taps;
  const isPointwise = taps === 1 && stride === 1 && top + right + bottom + left === 0;
  // The only window is the whole map, or every window one token: rows as they lie in x.
  if (isWhole || isPointwise) return product(rows);
  const [height, width] = sides;
  return product({
    ...rows,
    gathering: {
      source: rowsWindow,
      constants: { KERNEL_HEIGHT: kernelHeight, KERNEL_WIDTH: kernelWidth, STRIDE: stride },
      sizes: { height, width, columns, top, left },
    },
  });
}
