import { type HostTensor, type Ops, sizeOf } from '@swinface/core';
import { ReferenceOps, toReference } from '@swinface/core/reference';
import { nodeAdapter, syntheticInput, syntheticTensor } from '@swinface/testing';
import { requestDevice } from '../../src/webgpu/device.js';
import { RecordingOps } from '../../src/webgpu/graph.js';
import { lower, type Plan } from '../../src/webgpu/lower.js';
import { Program } from '../../src/webgpu/program.js';

/** A piece of network, written once for every executor; `weight` makes the synthetic tensor of a name. */
export type Piece = <T>(ops: Ops<T>, x: T, weight: (name: string, shape: readonly number[]) => T) => T;

export const testDevice = async (): Promise<GPUDevice> =>
  (await requestDevice({ adapter: await nodeAdapter() })).device;

/** What the reference makes of a piece. */
export function referenceOf(piece: Piece, input: HostTensor): Float64Array {
  const weight = (name: string, shape: readonly number[]) => toReference(syntheticTensor(name, shape));
  return piece(new ReferenceOps(), toReference(input), weight).data;
}

/** The kernels of a piece. */
export function planOf(piece: Piece, inputShape: readonly number[], maxFaces: number): Plan {
  const ops = new RecordingOps();
  const input = ops.input(inputShape);
  const output = piece(ops, input, (name, shape) => ops.constant(syntheticTensor(name, shape), name));
  return lower(input, [output], maxFaces);
}

/** What the kernels make of a piece: the output's whole buffer, of which `faces` faces are computed. */
export async function runPiece(
  device: GPUDevice,
  piece: Piece,
  input: HostTensor,
  maxFaces: number,
  faces = maxFaces,
): Promise<Float32Array> {
  const program = await Program.compile(device, planOf(piece, input.shape, maxFaces));
  try {
    const write = () => device.queue.writeBuffer(program.input, 0, Float32Array.from(input.data));
    const [output] = await program.run(faces, write);
    return output ?? new Float32Array();
  } finally {
    program.dispose();
  }
}

/** Input numbers in [-1, 1) times `scale`, plus `offset`. */
export function numbers(shape: readonly number[], scale = 1, offset = 0): HostTensor {
  const { data } = syntheticInput(`numbers ${shape.join('x')}`, shape);
  return { shape, data: data.map((value) => value * scale + offset).subarray(0, sizeOf(shape)) };
}
