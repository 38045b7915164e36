import { at } from '../../at.js';
import type { OnnxGraph, OnnxValue } from './graph.js';

/**
 * Typed constructors for the ONNX operators in use, with their shapes. A side of -1 (batch-dependent) stays -1:
 * every value of the network has at most one.
 */
type Value = OnnxValue;

/** Shape of a broadcast elementwise operation. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) throw new RangeError(`Cannot broadcast [${a}] with [${b}]`);
    return left === 1 ? right : left;
  });
}

const elementwise = (op: string) => (graph: OnnxGraph, a: Value, b: Value) =>
  graph.emit(op, [a, b], broadcastShapes(a.shape, b.shape));
const unary = (op: string) => (graph: OnnxGraph, x: Value) => graph.emit(op, [x], x.shape);

export const add = elementwise('Add');
export const sub = elementwise('Sub');
export const mul = elementwise('Mul');
export const div = elementwise('Div');
export const neg = unary('Neg');
export const exp = unary('Exp');
export const log = unary('Log');
export const sqrt = unary('Sqrt');
export const erf = unary('Erf');
export const relu = unary('Relu');
export const sigmoid = unary('Sigmoid');
export const sign = unary('Sign');
export const gelu = unary('Gelu');
/** x where positive, slope times x elsewhere; `slope` broadcasts to `x`. */
export const prelu = (graph: OnnxGraph, x: Value, slope: Value): Value => graph.emit('PRelu', [x, slope], x.shape);
export const softplus = unary('Softplus');

/** Numpy's matmul; leading axes broadcast. */
export function matMul(graph: OnnxGraph, a: Value, b: Value): Value {
  const rows = at(a.shape, a.shape.length - 2);
  const columns = at(b.shape, b.shape.length - 1);
  return graph.emit('MatMul', [a, b], [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns]);
}

/** op(a) . op(b) + bias for matrices, op transposing where asked. */
export function gemm(
  graph: OnnxGraph,
  a: Value,
  b: Value,
  { transA = false, transB = false, bias }: { transA?: boolean; transB?: boolean; bias?: Value | undefined } = {},
): Value {
  const shape = [at(a.shape, transA ? 1 : 0), at(b.shape, transB ? 0 : 1)];
  return graph.emit('Gemm', bias ? [a, b, bias] : [a, b], shape, { transA: Number(transA), transB: Number(transB) });
}

export function reshape(graph: OnnxGraph, x: Value, shape: readonly number[]): Value {
  if (shape.length === x.shape.length && shape.every((side, axis) => side === x.shape[axis])) return x;
  return graph.emit('Reshape', [x, graph.integers(shape)], shape);
}

export function transpose(graph: OnnxGraph, x: Value, perm: readonly number[]): Value {
  return graph.emit(
    'Transpose',
    [x],
    perm.map((axis) => at(x.shape, axis)),
    { perm },
  );
}

/** Exchanges the last two axes. */
export function transposeLast(graph: OnnxGraph, x: Value): Value {
  const rank = x.shape.length;
  return transpose(graph, x, [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2]);
}

/** Over the last axis. */
export const softmax = (graph: OnnxGraph, x: Value): Value => graph.emit('Softmax', [x], x.shape, { axis: -1 });
/** Over the last axis. */
export const logSoftmax = (graph: OnnxGraph, x: Value): Value => graph.emit('LogSoftmax', [x], x.shape, { axis: -1 });

/** Over the last axis, with scale and shift. */
export function layerNormalization(
  graph: OnnxGraph,
  x: Value,
  { weight, bias }: { weight: Value; bias: Value },
  epsilon: number,
): Value {
  return graph.emit('LayerNormalization', [x, weight, bias], x.shape, { axis: -1, epsilon: { float: epsilon } });
}

/** Entries of `x` at constant indices along `axis`. */
export function gather(graph: OnnxGraph, x: Value, axis: number, indices: readonly number[]): Value {
  const shape = x.shape.map((side, i) => (i === axis ? indices.length : side));
  return graph.emit('Gather', [x, graph.integers(indices)], shape, { axis });
}

/** x[..., from:to, ...] along `axis`. */
export function slice(graph: OnnxGraph, x: Value, axis: number, from: number, to: number): Value {
  const shape = x.shape.map((side, i) => (i === axis ? to - from : side));
  return graph.emit('Slice', [x, graph.integers([from]), graph.integers([to]), graph.integers([axis])], shape);
}

/** `parts` equal pieces along `axis`. */
export function split(graph: OnnxGraph, x: Value, axis: number, parts: number): Value[] {
  const shape = x.shape.map((side, i) => (i === axis ? side / parts : side));
  const outputs = Array.from({ length: parts }, () => ({ name: graph.fresh(), shape }));
  graph.nodes.push({ op: 'Split', inputs: [x], outputs, attributes: { axis, num_outputs: parts } });
  return outputs;
}

export function concat(graph: OnnxGraph, parts: readonly Value[], axis: number): Value {
  const [first] = parts;
  if (!first) throw new RangeError('Nothing to concatenate');
  const total = parts.reduce((sum, part) => sum + at(part.shape, axis), 0);
  return graph.emit(
    'Concat',
    parts,
    first.shape.map((side, i) => (i === axis ? total : side)),
    { axis },
  );
}

const keptShape = (x: Value, axes: readonly number[]) => x.shape.map((side, axis) => (axes.includes(axis) ? 1 : side));

/** Sum over `axes`, which stay with side 1. */
export const reduceSum = (graph: OnnxGraph, x: Value, axes: readonly number[]): Value =>
  graph.emit('ReduceSum', [x, graph.integers(axes)], keptShape(x, axes), { keepdims: 1 });
/** Mean over `axes`, which stay with side 1. */
export const reduceMean = (graph: OnnxGraph, x: Value, axes: readonly number[]): Value =>
  graph.emit('ReduceMean', [x, graph.integers(axes)], keptShape(x, axes), { keepdims: 1 });
/** Maximum over `axes`, which stay with side 1. */
export const reduceMax = (graph: OnnxGraph, x: Value, axes: readonly number[]): Value =>
  graph.emit('ReduceMax', [x, graph.integers(axes)], keptShape(x, axes), { keepdims: 1 });

/** Broadcasts `x` to `shape`. */
export const expand = (graph: OnnxGraph, x: Value, shape: readonly number[]): Value =>
  graph.emit('Expand', [x, graph.integers(shape)], shape);
