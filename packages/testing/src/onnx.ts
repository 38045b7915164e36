import type { HostTensor, Network, NetworkResults, WeightMap } from '@swinface/core';
import { exportOnnx } from '@swinface/core/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** Exports a network as an ONNX graph and runs it in ONNX Runtime on the CPU. */
export async function runOnnx(network: Network, weights: WeightMap, input: HostTensor): Promise<NetworkResults> {
  const session = await InferenceSession.create(exportOnnx(network, weights));
  const results = await session.run({ image: new Tensor('float32', input.data, input.shape) });
  await session.release();
  const read = (name: string): Float32Array => {
    const data = results[name]?.data;
    if (!(data instanceof Float32Array)) throw new Error(`The exported graph gave no float32 output "${name}"`);
    return data;
  };
  return Object.fromEntries(network.outputs.map(({ name }) => [name, read(name)]));
}
