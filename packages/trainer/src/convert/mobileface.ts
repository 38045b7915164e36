/** The face-recognition start: a MobileFaceNet that an npm package ships, as weights of core's network. */
import { type HostTensor, sizeOf, type WeightMap, WeightsInvalidError } from '@swinface/core';
import { mobileFaceNetwork } from '@swinface/core/convolutional';
import { readOnnxFile } from './onnx-file.js';

/** Where the weights lie on npm (MIT). */
export const MOBILEFACE_SOURCE = {
  package: 'faceplugin-face-recognition-js',
  file: 'model/fr_feature.onnx',
} as const;

/**
 * The weights of a MobileFaceNet by the names that core has for them. The file's layers have numbers for names, so they
 * are told by their order, which is that of execution in the file and in core's network, and by their shapes.
 *
 * @param file an ONNX file whose graph is the network, BatchNorm folded
 * @throws {WeightsInvalidError} if the file is damaged, or is another network
 */
export function mobileFaceWeights(file: Uint8Array): WeightMap {
  const { nodes, initializers } = readOnnxFile(file);
  const found = nodes.flatMap(({ inputs }) => inputs.flatMap((input) => initializers.get(input) ?? []));
  const wanted = mobileFaceNetwork().tensors;
  if (found.length !== wanted.size) {
    throw new WeightsInvalidError('This ONNX file is no MobileFaceNet.', {
      expected: `${wanted.size} tensors`,
      actual: `${found.length} tensors`,
    });
  }
  const weights = new Map<string, HostTensor>();
  for (const [index, [name, shape]] of [...wanted].entries()) {
    const tensor = found[index];
    // A 1x1 convolution is a matrix, a slope [C, 1, 1] a vector: sides of 1 at the end say nothing.
    const same = tensor && sizeOf(tensor.shape) === sizeOf(shape) && shape.every((side, i) => tensor.shape[i] === side);
    if (!same) {
      throw new WeightsInvalidError(`This ONNX file is no MobileFaceNet: ${name} does not fit.`, {
        expected: `[${shape}]`,
        actual: `[${tensor?.shape}]`,
      });
    }
    weights.set(name, { shape, data: tensor.data });
  }
  return weights;
}
