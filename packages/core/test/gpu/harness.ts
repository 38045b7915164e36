import { decodeFloat16, dequantizeRows, type HostTensor, type Ops, quantizeRows, sizeOf } from '@swinface/core';
import { ReferenceOps, toReference } from '@swinface/core/reference';
import { syntheticInput, syntheticTensor, testAdapter } from '@swinface/testing';
import { requestDevice } from '../../src/executors/webgpu/device.js';
import { lower, type Plan } from '../../src/executors/webgpu/lower.js';
import * as convolutional from '../../src/executors/webgpu/lower-convolutional.js';
import { Program } from '../../src/executors/webgpu/program.js';
import type { Storage } from '../../src/executors/webgpu/storage.js';
import { prefer } from '../../src/executors/webgpu/variants.js';
import { fuse } from '../../src/graph/fuse.js';
import { RecordingOps } from '../../src/graph/graph.js';
import { encodeFloat16 } from '../../src/weights/float16.js';

/** A piece of network, written once for every executor; `weight` makes the synthetic tensor of a name. */
export type Piece = <T>(ops: Ops<T>, x: T, weight: (name: string, shape: readonly number[]) => T) => T;

export const testDevice = async (): Promise<GPUDevice> =>
  (await requestDevice({ adapter: await testAdapter() })).device;

/**
 * Weights of a piece. With rounding storage the LayerNorm neither scales nor shifts: what it would do is multiplied into
 * the layer before that is rounded, which the reference could not follow.
 */
function weightOf(name: string, shape: readonly number[], storage: Storage): HostTensor {
  if (storage === 'f32' || !name.startsWith('norm.')) return syntheticTensor(name, shape);
  return { shape, data: new Float32Array(sizeOf(shape)).fill(name === 'norm.weight' ? 1 : 0) };
}

/** The tensor as it is stored, if it is one of the matrices that `storage` is about. */
export function rounded(name: string, tensor: HostTensor, storage: Storage): HostTensor {
  const { shape, data } = tensor;
  const isMatrix = shape.length >= 2 && !/bias|table|mlp|output_fcs|proj\b/.test(name);
  if (!isMatrix || storage === 'f32') return tensor;
  if (storage === 'f16') return { shape, data: decodeFloat16(encodeFloat16(data)) };
  // The subnets' stacked layers stay exact.
  if (shape.length === 3) return tensor;
  // The last axis of a linear layer, the last three of a convolution belong to one output channel.
  const depth = sizeOf(shape.slice(shape.length >= 4 ? -3 : -1));
  return { shape, data: dequantizeRows(quantizeRows({ shape: [data.length / depth, depth], data })).data };
}

/** What the reference makes of a piece, with weights as they are stored, and its shape. */
export function referenceAndShapeOf(
  piece: Piece,
  input: HostTensor,
  storage: Storage = 'f32',
): { expected: Float64Array; shape: readonly number[] } {
  const weight = (name: string, shape: readonly number[]) =>
    toReference(rounded(name, weightOf(name, shape, storage), storage));
  const { data, shape } = piece(new ReferenceOps(), toReference(input), weight);
  return { expected: data, shape };
}

/** What the reference makes of a piece, with weights as they are stored. */
export const referenceOf = (piece: Piece, input: HostTensor, storage?: Storage): Float64Array =>
  referenceAndShapeOf(piece, input, storage).expected;

/** The kernels of a piece. */
export function planOf(piece: Piece, inputShape: readonly number[], maxFaces: number, storage: Storage = 'f32'): Plan {
  const ops = new RecordingOps();
  const input = ops.input(inputShape);
  const output = piece(ops, input, (name, shape) => ops.constant(weightOf(name, shape, storage), name));
  return lower(input, [output], fuse([output]), { maxFaces, storage }, convolutional);
}

export interface PieceOptions {
  /** Of which so many are computed; all by default. */
  readonly faces?: number;
  readonly storage?: Storage;
  /** Computed by this variant where a kernel has it. */
  readonly variant?: string;
}

/** What the kernels make of a piece: the output's whole buffer, of which `faces` faces are computed. */
export async function runPiece(
  device: GPUDevice,
  piece: Piece,
  input: HostTensor,
  maxFaces: number,
  { faces = maxFaces, storage = 'f32', variant = '' }: PieceOptions = {},
): Promise<Float32Array> {
  const plan = planOf(piece, input.shape, maxFaces, storage);
  const [output] = await runPlan(device, plan, input, [faces], variant);
  return output as Float32Array;
}

/** The same for several numbers of faces, the last of which the buffers are made for: compiled once, run one after another. */
export const runCounts = (
  device: GPUDevice,
  piece: Piece,
  input: HostTensor,
  counts: readonly number[],
  variant: string,
): Promise<Float32Array[]> => runPlan(device, planOf(piece, input.shape, counts.at(-1) ?? 1), input, counts, variant);

async function runPlan(
  device: GPUDevice,
  plan: Plan,
  input: HostTensor,
  counts: readonly number[],
  variant: string,
): Promise<Float32Array[]> {
  const program = await Program.compile(device, plan, prefer(device, variant));
  const runs: Float32Array[] = [];
  try {
    const write = () => device.queue.writeBuffer(program.input, 0, Float32Array.from(input.data));
    for (const faces of counts) {
      const [output] = await program.run(faces, write);
      if (!output) throw new Error('A piece has one output.');
      runs.push(output.slice());
    }
  } finally {
    program.dispose();
  }
  return runs;
}

/** Input numbers in [-1, 1) times `scale`, plus `offset`. */
export function numbers(shape: readonly number[], scale = 1, offset = 0): HostTensor {
  const { data } = syntheticInput(`numbers ${shape.join('x')}`, shape);
  return { shape, data: data.map((value) => value * scale + offset).subarray(0, sizeOf(shape)) };
}

/** Two products with what stands around them. */
export const layers: Piece = (ops, x, weight) => {
  const norm = { weight: weight('norm.weight', [32]), bias: weight('norm.bias', [32]) };
  const hidden = ops.gelu(ops.linear(ops.layerNorm(x, norm), { weight: weight('fc1', [64, 32]) }));
  return ops.add(x, ops.linear(hidden, { weight: weight('fc2', [32, 64]) }));
};
