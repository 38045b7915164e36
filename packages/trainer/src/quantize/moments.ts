import {
  InvalidInputError,
  type LinearWeights,
  type ModelConfig,
  networkOf,
  selectOutputs,
  storedAs,
  type WeightMap,
} from '@swinface/core';
import { OnnxGraph, OnnxOps, type OnnxValue, primitives as p, recordOnnx } from '@swinface/core/onnx';
import { Tensor } from 'onnxruntime-node';
import { createSession } from '../engine/device.js';

/** Faces that go through the graph at once. */
const BATCH = 8;

/** Records, beside the network, the second moments of what each matrix reads. */
class MomentOps extends OnnxOps {
  /** By path of the weight: sums of x x^T [K, K], or [S, K, K] for a stack; several where it is used more than once. */
  readonly moments = new Map<string, OnnxValue[]>();

  override linear(x: OnnxValue, weights: LinearWeights<OnnxValue>): OnnxValue {
    this.#record(weights.weight, x);
    return super.linear(x, weights);
  }

  override conv3x3(x: OnnxValue, weight: OnnxValue, size: number): OnnxValue {
    const { graph } = this;
    const [faces, tokens, channels] = x.shape as [number, number, number];
    const border = graph.constant(new Float32Array(faces * channels), [faces, 1, channels]);
    // The token under each of the nine taps of each output, the border's zeros where there is none.
    const taps = Array.from({ length: tokens * 9 }, (_, i) => {
      const [token, tap] = [Math.floor(i / 9), i % 9];
      const row = Math.floor(token / size) + Math.floor(tap / 3) - 1;
      const column = (token % size) + (tap % 3) - 1;
      return row < 0 || row >= size || column < 0 || column >= size ? tokens : row * size + column;
    });
    const spread = p.gather(graph, p.concat(graph, [x, border], 1), 1, taps); // [B, tokens * 9, C]
    const byTap = p.transpose(graph, p.reshape(graph, spread, [faces * tokens, 9, channels]), [0, 2, 1]);
    this.#record(weight, p.reshape(graph, byTap, [faces * tokens, channels * 9]));
    return super.conv3x3(x, weight, size);
  }

  #record(weight: OnnxValue, x: OnnxValue): void {
    if (!this.graph.constants.has(weight.name)) return;
    const width = x.shape[x.shape.length - 1] as number;
    const stacked = weight.shape.length === 3;
    const rows = stacked ? x : p.reshape(this.graph, x, [x.shape.slice(0, -1).reduce((a, b) => a * b, 1), width]);
    const product = p.matMul(this.graph, p.transposeLast(this.graph, rows), rows);
    this.moments.set(weight.name, [...(this.moments.get(weight.name) ?? []), product]);
  }
}

/**
 * Runs faces through the network and sums x x^T of the inputs of every matrix that is stored as int8.
 *
 * @param images RGB in [-1, 1], [count, 3, 112, 112]; what does not fill a last batch of eight is left out
 * @returns by checkpoint name [K, K]; matrices that read the same inputs share the array
 * @throws {InvalidInputError} if there are fewer than eight faces
 */
export async function inputMoments(
  config: ModelConfig,
  weights: WeightMap,
  images: Float32Array,
  threads: number,
): Promise<ReadonlyMap<string, Float32Array>> {
  const selection = selectOutputs(config);
  const { image } = config;
  const pixels = 3 * image * image;
  if (images.length < BATCH * pixels) {
    throw new InvalidInputError('These faces are too few to round by.', {
      expected: `${BATCH} or more`,
      actual: String(images.length / pixels),
    });
  }
  const graph = new OnnxGraph();
  const input = graph.input('image', [BATCH, 3, image, image]);
  const network = networkOf(selection);
  const ops = new MomentOps(graph);
  recordOnnx(network, weights, ops, input);
  const outputs: { output: string; names: string[] }[] = [];
  for (const [path, values] of ops.moments) {
    const names = [...(network.weights.get(path)?.sources.keys() ?? [])];
    const shape = weights.get(names[0] ?? '')?.shape ?? [];
    if (storedAs(names[0] ?? '', shape, 'I8') !== 'I8') continue;
    for (const value of values) {
      const output = `moment${outputs.length}`;
      graph.output(output, value);
      outputs.push({ output, names });
    }
  }
  const { session } = await createSession(graph.toModel('swinface'), 'cpu', threads);
  const sums = new Map<string, Float32Array>();
  try {
    for (let at = 0; at + BATCH * pixels <= images.length; at += BATCH * pixels) {
      const feeds = {
        image: new Tensor('float32', images.subarray(at, at + BATCH * pixels), [BATCH, 3, image, image]),
      };
      const results = await session.run(feeds);
      for (const { output, names } of outputs) {
        const data = results[output]?.data;
        if (!(data instanceof Float32Array)) continue;
        addMoments(sums, names, data, results[output]?.dims.length === 3);
      }
    }
  } finally {
    await session.release();
  }
  return sums;
}

function addMoments(sums: Map<string, Float32Array>, names: readonly string[], data: Float32Array, stacked: boolean) {
  const size = stacked ? data.length / names.length : data.length;
  for (const [s, name] of (stacked ? names : names.slice(0, 1)).entries()) {
    const part = data.subarray(s * size, (s + 1) * size);
    const known = sums.get(name);
    if (!known) sums.set(name, part.slice());
    else for (let i = 0; i < size; i++) known[i] = (known[i] as number) + (part[i] as number);
  }
  const shared = sums.get(names[0] ?? '');
  if (!stacked && shared) for (const name of names) sums.set(name, shared);
}
