import { OnnxGraph, type OnnxValue, primitives as p } from '@swinface/core/onnx';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { ParameterStore } from '../graph/parameters.js';
import { createSession } from './device.js';

/** The quintic iteration's coefficients and its length, as published with Muon. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const ITERATIONS = 5;

/** Keeps the division by a norm defined for a gradient of zeros. */
const TINY = 1e-7;

/** Matrices inside the network; the first and last layers, norms, biases and tables stay with AdamW. */
const HIDDEN =
  /attn\.(qkv|proj)\.weight$|mlp\.fc[12]\.weight$|downsample\.reduction\.weight$|^recognition\.feature\.\d\.weight$|^subnets\.(convs\.\d|tss\.\d\.weight)$/;

/** A parameter as a stack of matrices. */
interface Stack {
  readonly name: string;
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
}

/** How a parameter falls into matrices: queries, keys and values apart, each subnet apart, filters as rows. */
function asStack(name: string, shape: readonly number[]): Stack | undefined {
  if (!HIDDEN.test(name) || shape.length < 2) return undefined;
  const stacked = name.startsWith('subnets.');
  const [count = 1, height = 1, ...rest] = stacked ? shape : [1, ...shape];
  const columns = rest.reduce((product, side) => product * side, 1);
  return name.endsWith('qkv.weight')
    ? { name, count: 3, rows: height / 3, columns }
    : { name, count, rows: height, columns };
}

/**
 * The matrix part of Muon (K. Jordan et al., 2024): replaces the momentum of each hidden matrix by the nearest
 * semi-orthogonal matrix, by five Newton-Schulz iterations, so that every direction of a layer learns at the same rate.
 * Scaled to AdamW's usual root mean square (arXiv:2502.16982), so that one learning rate serves both.
 */
export class Orthogonalizer {
  private constructor(
    private readonly groups: ReadonlyMap<string, readonly Stack[]>,
    private readonly session: InferenceSession,
  ) {}

  /** @param threads of the CPU, on which the iterations run whatever the training's device is */
  static async create(store: ParameterStore, threads: number): Promise<Orthogonalizer> {
    const groups = new Map<string, Stack[]>();
    for (const { name, shape, trainable } of store.segments.values()) {
      const stack = asStack(name, shape);
      if (!stack || !trainable) continue;
      const key = `${stack.rows}x${stack.columns}`;
      groups.set(key, [...(groups.get(key) ?? []), stack]);
    }
    const graph = new OnnxGraph();
    for (const [key, stacks] of groups) {
      const [{ rows, columns }] = stacks as [Stack, ...Stack[]];
      const count = stacks.reduce((sum, stack) => sum + stack.count, 0);
      graph.output(`update.${key}`, orthogonalize(graph, graph.input(key, [count, rows, columns])));
    }
    const { session } = await createSession(graph.toModel('swinface-trainer'), 'cpu', threads);
    return new Orthogonalizer(groups, session);
  }

  /** Whether a parameter is updated this way. */
  handles(name: string): boolean {
    return [...this.groups.values()].some((stacks) => stacks.some((stack) => stack.name === name));
  }

  /** @returns the update of each hidden parameter, for a learning rate like AdamW's */
  async updates(momenta: (name: string) => Float32Array): Promise<ReadonlyMap<string, Float32Array>> {
    const feeds: Record<string, Tensor> = {};
    for (const [key, stacks] of this.groups) {
      const [{ rows, columns }] = stacks as [Stack, ...Stack[]];
      const count = stacks.reduce((sum, stack) => sum + stack.count, 0);
      const data = new Float32Array(count * rows * columns);
      let offset = 0;
      for (const { name } of stacks) {
        const momentum = momenta(name);
        data.set(momentum, offset);
        offset += momentum.length;
      }
      feeds[key] = new Tensor('float32', data, [count, rows, columns]);
    }
    const outputs = await this.session.run(feeds);
    const updates = new Map<string, Float32Array>();
    for (const [key, stacks] of this.groups) {
      const data = outputs[`update.${key}`]?.data;
      if (!(data instanceof Float32Array)) throw new TypeError(`The graph gave no float32 update of ${key}`);
      let offset = 0;
      for (const { name, count, rows, columns } of stacks) {
        const size = count * rows * columns;
        updates.set(name, data.subarray(offset, offset + size));
        offset += size;
      }
    }
    return updates;
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

/** [N, rows, columns] -> the same with all singular values near 1, times 0.2 sqrt(longer side). */
function orthogonalize(graph: OnnxGraph, matrices: OnnxValue): OnnxValue {
  const [, rows, columns] = matrices.shape as [number, number, number];
  const tall = rows > columns;
  let x = tall ? p.transposeLast(graph, matrices) : matrices;
  const norm = p.sqrt(graph, p.reduceSum(graph, p.mul(graph, x, x), [1, 2]));
  x = p.div(graph, x, p.add(graph, norm, graph.scalar(TINY)));
  for (let i = 0; i < ITERATIONS; i++) {
    const square = p.matMul(graph, x, p.transposeLast(graph, x));
    const fourth = p.matMul(graph, square, square);
    const mixed = p.add(graph, p.mul(graph, square, graph.scalar(B)), p.mul(graph, fourth, graph.scalar(C)));
    x = p.add(graph, p.mul(graph, x, graph.scalar(A)), p.matMul(graph, mixed, x));
  }
  const scaled = p.mul(graph, x, graph.scalar(0.2 * Math.sqrt(Math.max(rows, columns))));
  return tall ? p.transposeLast(graph, scaled) : scaled;
}
