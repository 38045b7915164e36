import type { HostTensor, ModelWeights, OutputSelection, RawOutputs } from '@swinface/core';
import { exportOnnx } from '@swinface/core/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** Exports the network as an ONNX graph and runs it in ONNX Runtime on the CPU, feature maps included. */
export async function runOnnx(
  selection: OutputSelection,
  weights: ModelWeights<HostTensor>,
  input: HostTensor,
): Promise<RawOutputs> {
  const session = await InferenceSession.create(exportOnnx(selection, weights, { levels: true }));
  const results = await session.run({ image: new Tensor('float32', input.data, input.shape) });
  await session.release();
  const read = (name: string): Float32Array => {
    const data = results[name]?.data;
    if (!(data instanceof Float32Array)) throw new Error(`The exported graph gave no float32 output "${name}"`);
    return data;
  };
  return {
    count: input.shape[0] ?? 0,
    ...(selection.recognition ? { embeddings: read('embedding') } : {}),
    ...(selection.tasks.length > 0 ? { logits: read('logits') } : {}),
    levels: [read('level1'), read('level2'), read('level3'), read('level4')],
  };
}
