import type { OutputSelection } from '@swinface/core';
import type { OnnxGraph, OnnxValue } from '@swinface/core/onnx';
import type { TrainingBatch } from '../batch.js';

/** A tensor to feed to a step's graph. */
export interface Feed {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** What an objective records from. */
export interface RecordingContext {
  readonly graph: OnnxGraph;
  readonly selection: OutputSelection;
  /** Faces per step. */
  readonly batch: number;
  readonly logits: OnnxValue | undefined; // [B, R]
  readonly embedding: OnnxValue | undefined; // [B, F]
}

/** What an objective tells a step about one batch. */
export interface ObjectiveFeeds {
  readonly feeds: Readonly<Record<string, Feed>>;
  /** Sum of label weights per task; a task without labels takes no part in the step. */
  readonly labelled: readonly number[];
}

/** One loss or several of a kind: a part of the graph, and the tensors that carry a batch's labels into it. */
export interface Objective {
  /** One name for each loss. */
  readonly tasks: readonly string[];
  /** Records the losses [tasks.length], each a mean over the labelled samples. */
  record(context: RecordingContext): OnnxValue;
  /** @param progress share of the training that is done, 0 to 1 */
  feed(batch: TrainingBatch, progress: number): ObjectiveFeeds;
}

/** Weights divided by their sum, so that a weighted sum is a mean over the labelled samples; zeros stay zeros. */
export function normalised(weights: Float32Array): { weights: Float32Array; total: number } {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return { weights: total > 0 ? weights.map((weight) => weight / total) : weights, total };
}
