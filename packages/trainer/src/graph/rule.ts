import { type OnnxGraph, type OnnxNode, type OnnxValue, primitives as p } from '@swinface/core/onnx';

type V = OnnxValue;

/** What a rule is given: the graph to write to, the node, dL/d(output) and which inputs need a gradient. */
export interface RuleContext {
  readonly graph: OnnxGraph;
  readonly node: OnnxNode;
  /** Of the first output. */
  readonly gradient: V;
  /** Of every output; undefined where the loss does not depend on it. */
  readonly gradients: readonly (V | undefined)[];
  readonly needs: readonly boolean[];
}

/** Vector-Jacobian product of one operator: dL/d(input) for each input, undefined where it is not needed. */
export type Rule = (context: RuleContext) => readonly (V | undefined)[];

/** Number of axes. */
export const rank = (value: V) => value.shape.length;
/** Number of elements. */
export const size = (value: V) => value.shape.reduce((product, side) => product * side, 1);
/** An input of a node that must be there. */
export const input = (node: OnnxNode, index: number): V => {
  const value = node.inputs[index];
  if (!value) throw new RangeError(`${node.op} lacks input ${index}`);
  return value;
};
/** A node's first output. */
export const output = (node: OnnxNode): V => node.outputs[0] as V;

/** Sums a gradient over the axes along which `shape` was broadcast. */
export function sumTo(graph: OnnxGraph, gradient: V, shape: readonly number[]): V {
  const lead = rank(gradient) - shape.length;
  const axes = gradient.shape.flatMap((side, axis) => {
    const own = axis < lead ? 1 : (shape[axis - lead] as number);
    return axis < lead || (own === 1 && side !== 1) ? [axis] : [];
  });
  if (axes.length === 0) return gradient;
  // One leading run of axes is a sum over the rows of a matrix: a product with ones, which providers run faster.
  if (axes.every((axis, index) => axis === index)) {
    const rows = gradient.shape.slice(0, axes.length).reduce((product, side) => product * side, 1);
    const flat = p.reshape(graph, gradient, [rows, size(gradient) / rows]);
    return p.reshape(graph, p.gemm(graph, graph.ones(rows), flat), shape);
  }
  return p.reshape(graph, p.reduceSum(graph, gradient, axes), shape);
}
