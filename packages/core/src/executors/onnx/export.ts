import { InvalidInputError } from '../../errors.js';
import { arrange, type Network, pick, type WeightMap } from '../../networks/network.js';
import { OnnxGraph, type OnnxValue } from './graph.js';
import { OnnxOps } from './ops.js';
import type { ProtobufWriter } from './protobuf.js';

/** How {@link exportOnnx} writes the network. */
export interface ExportOnnxOptions {
  /** Number of faces the graph takes, or any number of them. */
  readonly batch?: number | 'dynamic';
}

/**
 * A network as an ONNX model (opset 20): input `image` [B, channels, height, width], RGB in [-1, 1]; outputs as the
 * network names them. Its metadata says what they mean: of SwinFace, which columns of `logits` belong to which task.
 *
 * @param network as it is, or `folded` for inference
 * @param weights by checkpoint name
 * @returns the bytes of an .onnx file
 * @throws {InvalidInputError} if `batch` is not a whole number above zero
 * @throws {WeightsInvalidError} if a tensor is missing or misshapen
 * @example
 * const model = exportOnnx(networkOf(selection).folded, tensors, { batch: 'dynamic' });
 */
export function exportOnnx(network: Network, weights: WeightMap, options?: ExportOnnxOptions): Uint8Array<ArrayBuffer> {
  return record(network, weights, options).finish();
}

/**
 * As {@link exportOnnx}, in pieces to be written one after another: weights are not copied.
 *
 * @throws as {@link exportOnnx}
 */
export function exportOnnxParts(
  network: Network,
  weights: WeightMap,
  options?: ExportOnnxOptions,
): readonly Uint8Array[] {
  return record(network, weights, options).parts;
}

function record(network: Network, weights: WeightMap, { batch = 'dynamic' }: ExportOnnxOptions = {}): ProtobufWriter {
  if (batch !== 'dynamic' && !(Number.isInteger(batch) && batch > 0)) {
    throw new InvalidInputError('Cannot export for this batch size.', {
      expected: "a whole number above zero, or 'dynamic'",
      actual: String(batch),
    });
  }
  const graph = new OnnxGraph();
  const { channels, height, width } = network.input;
  const input = graph.input('image', [batch === 'dynamic' ? -1 : batch, channels, height, width]);
  const results = recordOnnx(network, weights, new OnnxOps(graph), input);
  for (const [name, value] of Object.entries(results)) graph.output(name, value);
  return graph.toProto('swinface', network.metadata);
}

/**
 * Records a network in a graph, each weight a constant that is named by its path.
 *
 * @param ops of that graph; a subclass may record more
 * @param weights by checkpoint name
 * @param image of the graph: [B, channels, height, width]
 * @returns the network's outputs by name, not yet outputs of the graph
 * @throws {WeightsInvalidError} if a tensor is missing or misshapen
 */
export function recordOnnx(
  network: Network,
  weights: WeightMap,
  ops: OnnxOps,
  image: OnnxValue,
): Readonly<Record<string, OnnxValue>> {
  const constants = [...arrange(network, weights)].map(
    ([path, { data, shape }]) => [path, ops.graph.constant(data, shape, path)] as const,
  );
  const byPath = new Map(constants);
  return network.forward(ops, (path) => pick(byPath, path), image);
}
