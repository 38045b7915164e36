import { OnnxGraph, OnnxOps } from '@swinface/core/onnx';
import { expectAllClose } from '@swinface/testing';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { CASES, FLOAT32, referenceOf, runCase } from '../ops/cases.js';

/** Attention scores reach 500 in one case: their rounding, 3e-5, is the relative error of what exp makes of them. */
const TOLERANCE = { ...FLOAT32, atol: 1e-4 };

test.each(Object.entries(CASES))('ONNX: %s', async (name, run) => {
  const graph = new OnnxGraph();
  const feeds: Record<string, Tensor> = {};
  const result = runCase(run, new OnnxOps(graph), ({ data, shape }, input) => {
    feeds[input] = new Tensor('float32', data, shape);
    return graph.input(input, shape);
  });
  graph.output('result', result);
  const session = await InferenceSession.create(graph.toModel('test'), { intraOpNumThreads: 1 });
  const outputs = await session.run(feeds);
  await session.release();
  const expected = referenceOf(run);
  expect(result.shape).toEqual(expected.shape);
  expect(outputs.result?.dims).toEqual(expected.shape);
  expectAllClose(outputs.result?.data as Float32Array, expected.data, { ...TOLERANCE, label: name });
});
