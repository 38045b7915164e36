/** Damaged files of other people's networks, for {@link fuzz}. */
import { OnnxGraph, OnnxOps } from '@swinface/core/onnx';
import { type FuzzTarget, mutateBytes } from '@swinface/testing';
import { mediaPipeFile } from '../../src/convert/face-locator.js';
import { readOnnxFile } from '../../src/convert/onnx-file.js';
import { readTflite, tfliteConstants } from '../../src/convert/tflite.js';

/** A small network as an ONNX file. */
function onnxFile(): Buffer {
  const graph = new OnnxGraph();
  const weight = graph.constant(new Float32Array(12).fill(0.5), [4, 3], 'weight');
  const bias = graph.constant(new Float32Array(4), [4], 'bias');
  graph.output('result', new OnnxOps(graph).linear(graph.input('x', [1, 3]), { weight, bias }));
  return Buffer.from(graph.toModel('test'));
}

/** Where the tables and vectors of a flatbuffer of weights are: not in the weights. */
const structure = (file: Buffer): number[] => {
  const root = file.readUInt32LE(0);
  const nearby = Array.from({ length: 400 }, (_, i) => root - 400 + 4 * i);
  const end = Array.from({ length: 2000 }, (_, i) => file.length - 4 * (i + 1));
  return [...nearby, ...end].filter((at) => at >= 0 && at < file.length);
};

/** The targets, on MediaPipe's smallest network and on one of four outputs. */
export async function networkFileTargets(): Promise<FuzzTarget[]> {
  const tflite = Buffer.from(await mediaPipeFile('blazeface-short'));
  const spots = structure(tflite);
  const onnx = onnxFile();
  return [
    {
      name: 'TFLite, its tables',
      make: (random) => {
        const file = mutateBytes(random, tflite, tflite, spots);
        return async () => tfliteConstants(readTflite(file));
      },
    },
    {
      name: 'ONNX',
      make: (random) => {
        const file = mutateBytes(random, onnx);
        return async () => readOnnxFile(file);
      },
    },
  ];
}
