import type { Padding } from '@swinface/core';
import { type OnnxGraph, type OnnxNode, type OnnxValue, primitives as p } from '@swinface/core/onnx';
import { input, output, type Rule, sumTo } from './rule.js';

type V = OnnxValue;
type Sides = [number, number, number, number];

/** How the window of a Conv or MaxPool node slides over maps [B, C, H, W]. */
interface Window {
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [down: number, across: number];
  readonly padding: Padding;
}

const windowOf = ({ attributes }: OnnxNode): Window => {
  const [top, left, bottom, right] = (attributes.pads ?? [0, 0, 0, 0]) as Sides;
  return {
    kernel: attributes.kernel_shape as [number, number],
    stride: (attributes.strides ?? [1, 1]) as [number, number],
    padding: { top, left, bottom, right },
  };
};

/** Offsets in the window, row by row. */
const taps = ({ kernel: [height, width] }: Window): [dy: number, dx: number][] =>
  Array.from({ length: height * width }, (_, tap) => [Math.floor(tap / width), tap % width]);

/** Borders around maps, filled with `value`. */
function bordered(graph: OnnxGraph, x: V, { top, left, bottom, right }: Padding, value = 0): V {
  if (top + left + bottom + right === 0) return x;
  const [faces, channels, height, width] = x.shape as Sides;
  const pads = graph.integers([0, 0, top, left, 0, 0, bottom, right]);
  const filling = value === 0 ? [] : [graph.scalar(value)];
  return graph.emit('Pad', [x, pads, ...filling], [faces, channels, height + top + bottom, width + left + right]);
}

/** What each window holds at offset (dy, dx): [B, C, rows, columns]. */
function atTap(graph: OnnxGraph, x: V, { stride }: Window, [dy, dx]: [number, number], sides: [number, number]): V {
  const [faces, channels, height, width] = x.shape as Sides;
  const [rows, columns] = sides;
  if (height === rows && width === columns) return x;
  const ends = [dy + (rows - 1) * stride[0] + 1, dx + (columns - 1) * stride[1] + 1];
  return graph.emit(
    'Slice',
    [x, graph.integers([dy, dx]), graph.integers(ends), graph.integers([2, 3]), graph.integers(stride)],
    [faces, channels, rows, columns],
  );
}

/** The transpose of a convolution: adds kernel times `maps` where each window lay, on maps of the sides of `like`. */
function spread(graph: OnnxGraph, maps: V, kernel: V, groups: number, window: Window, like: V): V {
  const [, , height, width] = like.shape as Sides;
  const [, , rows, columns] = maps.shape as Sides;
  const { stride, padding } = window;
  const reached = (side: number, axis: 0 | 1, border: number) =>
    (side - 1) * stride[axis] + window.kernel[axis] - border;
  return graph.emit('ConvTranspose', [maps, kernel], like.shape, {
    kernel_shape: [...window.kernel],
    strides: [...stride],
    pads: [padding.top, padding.left, padding.bottom, padding.right],
    // Rows and columns at the end that no window reaches.
    output_padding: [
      height - reached(rows, 0, padding.top + padding.bottom),
      width - reached(columns, 1, padding.left + padding.right),
    ],
    group: groups,
  });
}

/** dL/d(kernel): for each offset in the window, products of what lay there and of the gradient, summed over all windows. */
function ofKernel(graph: OnnxGraph, x: V, kernel: V, groups: number, gradient: V, window: Window): V {
  const [faces, channels] = x.shape as Sides;
  const [, outputs, rows, columns] = gradient.shape as Sides;
  const windows = rows * columns;
  const padded = bordered(graph, x, window.padding);
  const grouped = p.reshape(graph, gradient, [faces, groups, outputs / groups, windows]);
  const products = taps(window).map((tap) => {
    const seen = atTap(graph, padded, window, tap, [rows, columns]);
    const columnsOf = p.transposeLast(graph, p.reshape(graph, seen, [faces, groups, channels / groups, windows]));
    return sumTo(graph, p.matMul(graph, grouped, columnsOf), [groups, outputs / groups, channels / groups]);
  });
  const stacked = p.concat(
    graph,
    products.map((product) => p.reshape(graph, product, [outputs, channels / groups, 1])),
    2,
  );
  return p.reshape(graph, stacked, kernel.shape);
}

const conv: Rule = ({ graph, node, gradient, needs }) => {
  const x = input(node, 0);
  const kernel = input(node, 1);
  const window = windowOf(node);
  const groups = (node.attributes.group ?? 1) as number;
  return [
    needs[0] ? spread(graph, gradient, kernel, groups, window, x) : undefined,
    needs[1] ? ofKernel(graph, x, kernel, groups, gradient, window) : undefined,
    ...(node.inputs.length > 2
      ? [needs[2] ? p.reshape(graph, p.reduceSum(graph, gradient, [0, 2, 3]), input(node, 2).shape) : undefined]
      : []),
  ];
};

/** Below every activation, and still finite in float32. */
const LOWEST = -3e38;

/** Equal maxima share the gradient of their window. */
const maxPool: Rule = ({ graph, node, gradient }) => {
  const x = input(node, 0);
  const y = output(node);
  const window = windowOf(node);
  const [faces, channels, rows, columns] = y.shape as Sides;
  const padded = bordered(graph, x, window.padding, LOWEST);
  // 1 where the window's entry at an offset is its maximum, 0 where it is below; [B, C, 1, rows, columns] for each offset.
  const hits = taps(window).map((tap) => {
    const below = p.sign(graph, p.sub(graph, atTap(graph, padded, window, tap, [rows, columns]), y));
    return p.reshape(graph, p.add(graph, below, graph.scalar(1)), [faces, channels, 1, rows, columns]);
  });
  const all = p.concat(graph, hits, 2);
  const share = p.div(
    graph,
    p.reshape(graph, gradient, [faces, channels, 1, rows, columns]),
    p.reduceSum(graph, all, [2]),
  );
  // Back to where each offset lay: a convolution's transpose whose kernels are 1 at their own offset.
  const area = hits.length;
  const own = new Float32Array(channels * area * area);
  for (let channel = 0; channel < channels; channel++) {
    for (let tap = 0; tap < area; tap++) own[(channel * area + tap) * area + tap] = 1;
  }
  const kernel = graph.constant(own, [channels * area, 1, ...window.kernel]);
  const flat = p.reshape(graph, p.mul(graph, all, share), [faces, channels * area, rows, columns]);
  return [spread(graph, flat, kernel, channels, window, x)];
};

/** At zero, the slope: zero counts as "not positive". */
const prelu: Rule = ({ graph, node, gradient, needs }) => {
  const x = input(node, 0);
  const slope = input(node, 1);
  const positive = p.relu(graph, p.sign(graph, x));
  const rest = p.sub(graph, graph.scalar(1), positive);
  return [
    needs[0] ? p.mul(graph, gradient, p.add(graph, positive, p.mul(graph, rest, slope))) : undefined,
    needs[1] ? sumTo(graph, p.mul(graph, gradient, p.sub(graph, x, p.relu(graph, x))), slope.shape) : undefined,
  ];
};

/** Cuts off what was appended. */
const pad: Rule = ({ graph, node, gradient }) => {
  const x = input(node, 0);
  const pads = graph.constants.get(input(node, 1).name);
  if (!pads) throw new RangeError('Pad has a rule for constant borders only');
  return [
    x.shape.reduce((cut, side, axis) => {
      const from = Number(pads.data[axis]);
      return cut.shape[axis] === side ? cut : p.slice(graph, cut, axis, from, from + side);
    }, gradient),
  ];
};

/** Rules for maps of convolutional networks. */
export const CONVOLUTION_RULES: Readonly<Record<string, Rule>> = {
  Conv: conv,
  MaxPool: maxPool,
  PRelu: prelu,
  Pad: pad,
};
