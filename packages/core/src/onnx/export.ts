import type { OutputSelection } from '../config.js';
import { InvalidInputError } from '../errors.js';
import { type ModelWeights, swinFace } from '../model.js';
import type { HostTensor } from '../tensor.js';
import { isHostTensor, mapWeights } from '../weights/index.js';
import { OnnxGraph } from './graph.js';
import { OnnxOps } from './ops.js';
import type { ProtobufWriter } from './protobuf.js';

/** How {@link exportOnnx} writes the network. */
export interface ExportOnnxOptions {
  /** Number of faces the graph takes, or any number of them. */
  readonly batch?: number | 'dynamic';
  /** Also give the feature maps FM1..FM4 as outputs `level1` .. `level4` [B, H*W, C]. */
  readonly levels?: boolean;
}

/**
 * The network as an ONNX model (opset 20): input `image` [B, 3, 112, 112], RGB in [-1, 1]; outputs `embedding`
 * [B, feature] and `logits` [B, R] as far as they are selected, neither normalised nor calibrated. The model's metadata
 * `outputs` lists, as JSON, which columns of `logits` belong to which task.
 *
 * @param weights as they are, or folded for inference
 * @returns the bytes of an .onnx file
 * @throws {InvalidInputError} if `batch` is not a whole number above zero
 * @example
 * const model = exportOnnx(selection, foldWeights(assembleWeights(selection, tensors)), { batch: 'dynamic' });
 */
export function exportOnnx(
  selection: OutputSelection,
  weights: ModelWeights<HostTensor>,
  options?: ExportOnnxOptions,
): Uint8Array<ArrayBuffer> {
  return record(selection, weights, options).finish();
}

/**
 * As {@link exportOnnx}, in pieces to be written one after another: weights are not copied.
 *
 * @throws {InvalidInputError} if `batch` is not a whole number above zero
 */
export function exportOnnxParts(
  selection: OutputSelection,
  weights: ModelWeights<HostTensor>,
  options?: ExportOnnxOptions,
): readonly Uint8Array[] {
  return record(selection, weights, options).parts;
}

function record(
  selection: OutputSelection,
  weights: ModelWeights<HostTensor>,
  { batch = 'dynamic', levels = false }: ExportOnnxOptions = {},
): ProtobufWriter {
  if (batch !== 'dynamic' && !(Number.isInteger(batch) && batch > 0)) {
    throw new InvalidInputError('Cannot export for this batch size.', {
      expected: "a whole number above zero, or 'dynamic'",
      actual: String(batch),
    });
  }
  const { image } = selection.config;
  const graph = new OnnxGraph();
  const input = graph.input('image', [batch === 'dynamic' ? -1 : batch, 3, image, image]);
  const constants = mapWeights(weights, isHostTensor, ({ data, shape }, path) => graph.constant(data, shape, path));
  const { embedding, logits, levels: maps } = swinFace(new OnnxOps(graph), selection, constants, input);
  if (embedding) graph.output('embedding', embedding);
  if (logits) graph.output('logits', logits);
  if (levels) {
    maps.forEach((level, index) => {
      graph.output(`level${index + 1}`, level);
    });
  }
  const outputs = selection.tasks.map(({ task, offset }) => ({ ...task, offset }));
  return graph.toProto('swinface', { outputs: JSON.stringify(outputs) });
}
