import {
  arrange,
  BATCH_NORM_EPSILON,
  type BatchNormWeights,
  embeddingLength,
  type HostTensor,
  networkOf,
  selectOutputs,
} from '@swinface/core';
import { OnnxGraph, type OnnxValue, primitives as p } from '@swinface/core/onnx';
import { TfjsOps } from '@swinface/core/tfjs';
import { expectAllClose, syntheticInput, syntheticWeights, TINY_MOBILE } from '@swinface/testing';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { differentiate } from '../../src/graph/differentiate.js';
import { TrainingOps } from '../../src/graph/training-ops.js';
import { TINY } from './support/tiny.js';

const FACES = 3;

/** tfjs with the batch's own statistics, as while training. */
class TrainingTfjsOps extends TfjsOps {
  override batchNorm(x: tf.Tensor, { weight, bias }: BatchNormWeights<tf.Tensor>): tf.Tensor {
    const axis = x.rank - 2;
    const { mean, variance } = tf.moments(x, axis, true);
    const row = (value: tf.Tensor) => (value.rank === 2 ? tf.expandDims(value, 1) : value);
    const normal = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, BATCH_NORM_EPSILON)));
    return tf.add(tf.mul(normal, row(weight)), row(bias));
  }
}

test.each([TINY, TINY_MOBILE])(
  'the gradients of $name as trained equal those of tf.grads, element by element',
  async (config) => {
    await tf.setBackend('cpu');
    const selection = selectOutputs(config);
    const network = networkOf(selection);
    const weights = arrange(network, syntheticWeights(config));
    const image = syntheticInput('image', [FACES, 3, config.image, config.image]);
    // A scalar in which every output has its own weight.
    const probe = syntheticInput('probe', [FACES, embeddingLength(config) + selection.logits]);

    const graph = new OnnxGraph();
    const input = graph.input('image', image.shape);
    const tensors = new Map<string, HostTensor>();
    const named = new Map<string, OnnxValue>();
    for (const [path, tensor] of weights) {
      const running = /running/.test(path);
      named.set(path, running ? { name: path, shape: tensor.shape } : graph.input(path, tensor.shape));
      if (!running) tensors.set(path, tensor);
    }
    const ops = new TrainingOps(graph, { dropPath: 0, dropout: 0 });
    const { embedding, logits } = network.forward(ops, (path) => named.get(path) as OnnxValue, input);
    const outputs = p.concat(graph, [embedding as OnnxValue, logits as OnnxValue], 1);
    const loss = p.reduceSum(graph, p.mul(graph, outputs, graph.constant(probe.data, probe.shape)), [0, 1]);
    const values = [...tensors].map(([name, { shape }]) => ({ name, shape }));
    differentiate(graph, loss, values).forEach((gradient, index) => {
      graph.output(`gradient.${values[index]?.name}`, gradient);
    });
    const session = await InferenceSession.create(graph.toModel('test'), { intraOpNumThreads: 1 });
    const feeds: Record<string, Tensor> = { image: new Tensor('float32', image.data, image.shape) };
    for (const [name, { data, shape }] of tensors) feeds[name] = new Tensor('float32', data, shape);
    const results = await session.run(feeds);

    const expected = tf.grads((...given) => {
      let next = 0;
      const record = new Map(
        [...weights].map(([path, { data, shape }]) => [
          path,
          /running/.test(path) ? tf.tensor(data, [...shape]) : (given[next++] as tf.Tensor),
        ]),
      );
      const pixels = tf.tensor(image.data, [...image.shape]);
      const out = network.forward(new TrainingTfjsOps(), (path) => record.get(path) as tf.Tensor, pixels);
      const all = tf.concat([out.embedding as tf.Tensor, out.logits as tf.Tensor], 1);
      return tf.sum(tf.mul(all, tf.tensor2d(probe.data, [FACES, embeddingLength(config) + selection.logits])));
    })([...tensors.values()].map(({ data, shape }) => tf.tensor(data, [...shape])));

    expect(expected).toHaveLength(tensors.size);
    for (const [index, name] of [...tensors.keys()].entries()) {
      const want = (await expected[index]?.data()) ?? new Float32Array();
      const got = results[`gradient.${name}`]?.data as Float32Array;
      const size = Math.max(...want.map(Math.abs));
      // Float32 on both sides, through six blocks and back; relative to the tensor's largest gradient. Where BatchNorm
      // makes the true gradient zero, only rounding of intermediate values of order 1 is left.
      expectAllClose(got, want, { atol: 2e-4 * size + 1e-5, rtol: 1e-3, label: name });
    }
  },
);
