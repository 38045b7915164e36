import { InvalidInputError, SwinFaceError } from '../errors.js';
import type { HostTensor } from '../tensor.js';
import type { Node } from '../webgpu/graph.js';

/** Exchanges the last two axes of [S, O, I]. */
export function transposed({ shape, data }: HostTensor): Float32Array {
  const [, outputs, inputs] = shape as [number, number, number];
  const result = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const subnet = Math.floor(i / (outputs * inputs));
    const o = Math.floor(i / inputs) % outputs;
    result[(subnet * inputs + (i % inputs)) * outputs + o] = data[i] as number;
  }
  return result;
}

/**
 * @throws {InvalidInputError} naming the operation, unless the width is a multiple of four
 */
export function multipleOfFour(width: number, label: string): void {
  if (width % 4 === 0) return;
  throw new InvalidInputError(`The WebAssembly kernels read four channels at a time (${label}).`, {
    expected: 'a config whose embed / heads, feature and embedding are multiples of 4',
    actual: `a width of ${width}`,
  });
}

/** @throws {SwinFaceError} INTERNAL: no kernel computes this operation where it stands */
export function refuse(node: Node): never {
  throw new SwinFaceError('INTERNAL', `No WebAssembly kernel computes ${node.op} (${node.label}) where it stands.`);
}

/** The tensor of a constant. */
export function host(node: Node): HostTensor {
  return node.op === 'constant' ? node.tensor : refuse(node);
}
