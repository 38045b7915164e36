import type { OnnxGraph, OnnxNode } from '@swinface/core/onnx';

/** A float64 tensor. */
export interface Tensor64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const size = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);

export const tensor = (shape: readonly number[], value: (index: number) => number): Tensor64 => ({
  shape,
  data: Float64Array.from({ length: size(shape) }, (_, index) => value(index)),
});

/** Row-major coordinates of element `index`. */
function coordinates(index: number, shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length);
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    out[axis] = rest % (shape[axis] as number);
    rest = Math.floor(rest / (shape[axis] as number));
  }
  return out;
}

/** Element of `x` at coordinates of a broadcast shape. */
function element({ shape, data }: Tensor64, at: readonly number[]): number {
  let index = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    const side = shape[axis] as number;
    index = index * side + (side === 1 ? 0 : (at[at.length - shape.length + axis] as number));
  }
  return data[index] as number;
}

const generate = (shape: readonly number[], value: (at: number[]) => number): Tensor64 =>
  tensor(shape, (index) => value(coordinates(index, shape)));

/** Power series and continued fraction of the error function, to float64 precision. */
function erf(x: number): number {
  const z = Math.abs(x);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum) && n < 200; n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction));
}

const UNARY: Readonly<Record<string, (x: number) => number>> = {
  Neg: (x) => -x,
  Exp: Math.exp,
  Log: Math.log,
  Sqrt: Math.sqrt,
  Erf: erf,
  Relu: (x) => Math.max(0, x),
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Sign: Math.sign,
  Softplus: (x) => Math.log1p(Math.exp(x)),
  Identity: (x) => x,
  Gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
};
const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
};

function reduce(op: string, x: Tensor64, axes: readonly number[]): Tensor64 {
  const shape = x.shape.map((side, axis) => (axes.includes(axis) ? 1 : side));
  const count = size(x.shape) / size(shape);
  const out = tensor(shape, () => (op === 'ReduceMax' ? Number.NEGATIVE_INFINITY : 0));
  x.data.forEach((value, index) => {
    const at = coordinates(index, x.shape).map((c, axis) => (axes.includes(axis) ? 0 : c));
    const to = at.reduce((sum, c, axis) => sum * (shape[axis] as number) + c, 0);
    const before = out.data[to] as number;
    out.data[to] = op === 'ReduceMax' ? Math.max(before, value) : before + value / (op === 'ReduceMean' ? count : 1);
  });
  return out;
}

function matMul(a: Tensor64, b: Tensor64, shape: readonly number[]): Tensor64 {
  const [rows, inner] = a.shape.slice(-2) as [number, number];
  const columns = shape[shape.length - 1] as number;
  const out = tensor(shape, () => 0);
  const leading = shape.slice(0, -2);
  // Where the matrix of a broadcast batch begins.
  const start = ({ shape }: Tensor64, at: readonly number[]) => {
    const own = shape.slice(0, -2);
    const from = at.length - own.length;
    const index = own.reduce((sum, side, axis) => sum * side + (side === 1 ? 0 : (at[from + axis] as number)), 0);
    return index * size(shape.slice(-2));
  };
  for (let batch = 0; batch < size(leading); batch++) {
    const at = coordinates(batch, leading);
    const left = start(a, at);
    const right = start(b, at);
    for (let row = 0; row < rows; row++) {
      const to = (batch * rows + row) * columns;
      for (let k = 0; k < inner; k++) {
        const factor = a.data[left + row * inner + k] as number;
        for (let column = 0; column < columns; column++) {
          out.data[to + column] =
            (out.data[to + column] as number) + factor * (b.data[right + k * columns + column] as number);
        }
      }
    }
  }
  return out;
}

const swap = (x: Tensor64): Tensor64 => generate([...x.shape].reverse(), ([i, j]) => element(x, [j ?? 0, i ?? 0]));

/** Runs of the last axis, each replaced by `map`. */
function byRow(x: Tensor64, map: (row: Float64Array) => Float64Array): Tensor64 {
  const width = x.shape[x.shape.length - 1] as number;
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += width) data.set(map(x.data.subarray(start, start + width)), start);
  return { shape: x.shape, data };
}

const softmaxRow = (row: Float64Array): Float64Array => {
  const peak = Math.max(...row);
  const exps = row.map((value) => Math.exp(value - peak));
  const total = exps.reduce((sum, value) => sum + value, 0);
  return exps.map((value) => value / total);
};

function layerNormalization([x, weight, bias]: readonly Tensor64[], epsilon: number): Tensor64[] {
  if (!x || !weight || !bias) throw new Error('LayerNormalization needs three inputs');
  const last = [x.shape.length - 1];
  const mean = reduce('ReduceMean', x, last);
  const centred = generate(x.shape, (at) => element(x, at) - element(mean, at));
  const variance = reduce('ReduceMean', { shape: x.shape, data: centred.data.map((value) => value * value) }, last);
  const inverse = { shape: variance.shape, data: variance.data.map((value) => 1 / Math.sqrt(value + epsilon)) };
  const y = generate(
    x.shape,
    (at) => element(centred, at) * element(inverse, at) * element(weight, at) + element(bias, at),
  );
  return [y, mean, inverse];
}

/** Calls `visit` for every entry of a window that lies on a map [B, C, H, W], with its place in the window. */
function eachTap(
  attributes: OnnxNode['attributes'],
  [row, column]: readonly [number, number],
  [, , height, width]: readonly number[],
  visit: (y: number, x: number, dy: number, dx: number) => void,
): void {
  const [kernelHeight, kernelWidth] = attributes.kernel_shape as [number, number];
  const [down, across] = (attributes.strides ?? [1, 1]) as [number, number];
  const [top, left] = (attributes.pads ?? [0, 0]) as [number, number];
  for (let dy = 0; dy < kernelHeight; dy++) {
    for (let dx = 0; dx < kernelWidth; dx++) {
      const y = row * down + dy - top;
      const x = column * across + dx - left;
      if (y >= 0 && y < (height as number) && x >= 0 && x < (width as number)) visit(y, x, dy, dx);
    }
  }
}

function conv(
  x: Tensor64,
  kernel: Tensor64,
  bias: Tensor64 | undefined,
  attributes: OnnxNode['attributes'],
  shape: readonly number[],
): Tensor64 {
  const [outputs, inputs] = kernel.shape as [number, number];
  const perGroup = outputs / ((attributes.group ?? 1) as number);
  return generate(shape, ([face = 0, output = 0, row = 0, column = 0]) => {
    const first = Math.floor(output / perGroup) * inputs;
    let sum = bias?.data[output] ?? 0;
    for (let channel = 0; channel < inputs; channel++) {
      eachTap(attributes, [row, column], x.shape, (y, across, dy, dx) => {
        sum += element(x, [face, first + channel, y, across]) * element(kernel, [output, channel, dy, dx]);
      });
    }
    return sum;
  });
}

/** Each entry of x scatters its kernel. */
function convTranspose(
  x: Tensor64,
  kernel: Tensor64,
  attributes: OnnxNode['attributes'],
  shape: readonly number[],
): Tensor64 {
  const [inputs, outputs] = kernel.shape as [number, number];
  const perGroup = inputs / ((attributes.group ?? 1) as number);
  const [, channels = 0, height = 0, width = 0] = shape;
  const out = tensor(shape, () => 0);
  x.data.forEach((value, index) => {
    const [face = 0, channel = 0, row = 0, column = 0] = coordinates(index, x.shape);
    for (let output = 0; output < outputs; output++) {
      const to = Math.floor(channel / perGroup) * outputs + output;
      eachTap(attributes, [row, column], shape, (y, across, dy, dx) => {
        const place = ((face * channels + to) * height + y) * width + across;
        out.data[place] = (out.data[place] as number) + value * element(kernel, [channel, output, dy, dx]);
      });
    }
  });
  return out;
}

const maxPool = (x: Tensor64, attributes: OnnxNode['attributes'], shape: readonly number[]): Tensor64 =>
  generate(shape, ([face = 0, channel = 0, row = 0, column = 0]) => {
    let most = Number.NEGATIVE_INFINITY;
    eachTap(attributes, [row, column], x.shape, (y, across) => {
      most = Math.max(most, element(x, [face, channel, y, across]));
    });
    return most;
  });

function evaluateNode({ op, attributes, outputs }: OnnxNode, inputs: readonly Tensor64[]): Tensor64[] {
  const [x, y, z] = inputs as [Tensor64, Tensor64, Tensor64];
  const shape = outputs[0]?.shape ?? [];
  const unary = UNARY[op];
  if (unary) return [{ shape, data: x.data.map(unary) }];
  const binary = BINARY[op];
  if (binary) return [generate(shape, (at) => binary(element(x, at), element(y, at)))];
  const axis = attributes.axis as number;
  const numbers = (t: Tensor64) => Array.from(t.data);
  switch (op) {
    case 'MatMul':
      return [matMul(x, y, shape)];
    case 'Gemm': {
      const product = matMul(attributes.transA ? swap(x) : x, attributes.transB ? swap(y) : y, shape);
      return [z ? generate(shape, (at) => element(product, at) + element(z, at)) : product];
    }
    case 'Reshape':
      return [{ shape, data: x.data }];
    case 'Transpose': {
      const perm = attributes.perm as readonly number[];
      return [
        generate(shape, (at) => {
          const from = new Array<number>(at.length);
          perm.forEach((source, to) => {
            from[source] = at[to] as number;
          });
          return element(x, from);
        }),
      ];
    }
    case 'Softmax':
      return [byRow(x, softmaxRow)];
    case 'LogSoftmax':
      return [byRow(x, (row) => softmaxRow(row).map(Math.log))];
    case 'LayerNormalization':
      return layerNormalization(inputs, (attributes.epsilon as { float: number }).float).slice(0, outputs.length);
    case 'ReduceSum':
    case 'ReduceMean':
    case 'ReduceMax':
      return [reduce(op, x, numbers(y))];
    case 'Expand':
      return [generate(shape, (at) => element(x, at))];
    case 'Gather':
      return [
        generate(shape, (at) =>
          element(
            x,
            at.map((c, i) => (i === axis ? (y.data[c] as number) : c)),
          ),
        ),
      ];
    case 'Slice': {
      const [, starts, , axes, steps] = inputs.map(numbers);
      return [
        generate(shape, (at) =>
          element(
            x,
            at.map((c, i) => {
              const along = axes?.indexOf(i) ?? -1;
              return along === -1 ? c : (starts?.[along] as number) + c * (steps?.[along] ?? 1);
            }),
          ),
        ),
      ];
    }
    case 'Split': {
      let from = 0;
      return outputs.map((part) => {
        const start = from;
        from += part.shape[axis] as number;
        return generate(part.shape, (at) =>
          element(
            x,
            at.map((c, i) => (i === axis ? c + start : c)),
          ),
        );
      });
    }
    case 'Pad':
      return [
        generate(shape, (at) => {
          const from = at.map((c, i) => c - (y.data[i] as number));
          return from.every((c, i) => c >= 0 && c < (x.shape[i] as number)) ? element(x, from) : (z?.data[0] ?? 0);
        }),
      ];
    case 'Concat':
      return [
        generate(shape, (at) => {
          let place = at[axis] as number;
          const part = inputs.find((candidate) => {
            const side = candidate.shape[axis] as number;
            if (place < side) return true;
            place -= side;
            return false;
          }) as Tensor64;
          return element(
            part,
            at.map((c, i) => (i === axis ? place : c)),
          );
        }),
      ];
    case 'PRelu':
      return [generate(shape, (at) => Math.max(0, element(x, at)) + element(y, at) * Math.min(0, element(x, at)))];
    case 'Conv':
      return [conv(x, y, z, attributes, shape)];
    case 'ConvTranspose':
      return [convTranspose(x, y, attributes, shape)];
    case 'MaxPool':
      return [maxPool(x, attributes, shape)];
    default:
      throw new Error(`The evaluator does not know ${op}`);
  }
}

/** Every value of a graph, or all up to `last`, in float64, by the definitions of the ONNX operators. */
export function evaluate(
  graph: OnnxGraph,
  inputs: ReadonlyMap<string, Tensor64>,
  last?: string,
): ReadonlyMap<string, Tensor64> {
  const values = new Map(inputs);
  for (const [name, { data, shape }] of graph.constants) {
    values.set(name, { shape, data: Float64Array.from(data, Number) });
  }
  for (const node of graph.nodes) {
    if (last !== undefined && values.has(last)) break;
    const given = node.inputs.map(({ name }) => {
      const value = values.get(name);
      if (!value) throw new Error(`${node.op} reads ${name}, which nothing has computed`);
      return value;
    });
    evaluateNode(node, given).forEach((value, index) => {
      values.set(node.outputs[index]?.name ?? '', value);
    });
  }
  return values;
}
