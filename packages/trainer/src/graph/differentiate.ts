import { type OnnxGraph, type OnnxValue, primitives as p } from '@swinface/core/onnx';
import { RULES } from './rules.js';

/**
 * Reverse-mode differentiation of a recorded graph: appends the nodes that compute dL/d(value) for each of `wrt`.
 *
 * @param loss a scalar of the graph
 * @param wrt values the loss depends on, usually the parameters
 * @returns the gradients, in the order and shapes of `wrt`
 * @throws {RangeError} if an operator on the way has no rule, or a value does not reach the loss
 */
export function differentiate(graph: OnnxGraph, loss: OnnxValue, wrt: readonly OnnxValue[]): OnnxValue[] {
  const forward = [...graph.nodes];
  // Values that depend on `wrt`: nothing else needs a gradient.
  const active = new Set(wrt.map(({ name }) => name));
  for (const node of forward) {
    if (node.inputs.some(({ name }) => active.has(name))) for (const { name } of node.outputs) active.add(name);
  }

  const gradients = new Map<string, OnnxValue>();
  gradients.set(loss.name, graph.constant(Float32Array.of(1), loss.shape));
  for (const node of forward.reverse()) {
    const arrived = node.outputs.map(({ name }) => gradients.get(name));
    const gradient = arrived.find((value) => value !== undefined);
    if (!gradient) continue;
    const needs = node.inputs.map(({ name }) => active.has(name));
    if (!needs.some(Boolean)) continue;
    const rule = RULES[node.op];
    if (!rule) throw new RangeError(`The operator ${node.op} has no gradient rule`);
    rule({ graph, node, gradient, gradients: arrived, needs }).forEach((contribution, index) => {
      const input = node.inputs[index];
      if (!contribution || !input || !needs[index]) return;
      const sum = gradients.get(input.name);
      gradients.set(input.name, sum ? p.add(graph, sum, contribution) : contribution);
    });
  }
  return wrt.map(({ name }) => {
    const gradient = gradients.get(name);
    if (!gradient) throw new RangeError(`The loss does not depend on ${name}`);
    return gradient;
  });
}
