import type { OutputSelection } from '@swinface/core';
import { type OnnxGraph, type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { Random } from '../data/random.js';
import type { TrainingBatch } from '../tasks/batch.js';

/** A tensor to feed to a step's graph. */
export interface Feed {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Something that an objective learns beside the network, such as the centres of identities. */
export interface ObjectiveParameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Rows of it that take part in each step; all of them if absent. */
  readonly rows?: number;
  /** Standard deviation of its normal initial values. */
  readonly deviation: number;
}

/** What an objective records from. */
export interface RecordingContext {
  readonly graph: OnnxGraph;
  readonly selection: OutputSelection;
  /** Faces per step. */
  readonly batch: number;
  readonly logits: OnnxValue | undefined; // [B, R]
  readonly embedding: OnnxValue | undefined; // [B, F]
  /** The part of an objective's parameter that takes part in the step. */
  parameter(name: string): OnnxValue;
}

/** What an objective feeds to a step for one batch. */
export interface ObjectiveFeeds {
  readonly feeds: Readonly<Record<string, Feed>>;
  /** Sum of label weights per task; a task without labels takes no part in the step. */
  readonly labelled: readonly number[];
  /** Which rows of a parameter take part in this step, without repeats; for parameters with `rows` only. */
  readonly rows?: Readonly<Record<string, Int32Array>>;
}

/** One loss or several of a kind: a part of the graph, and the tensors that carry a batch's labels into it. */
export interface Objective {
  /** One name for each loss. */
  readonly tasks: readonly string[];
  readonly parameters?: readonly ObjectiveParameter[];
  /** Records the losses [tasks.length], each a mean over the labelled samples. */
  record(context: RecordingContext): OnnxValue;
  /**
   * @param progress share of the training that is done, 0 to 1
   * @param random what is drawn at random in this step
   */
  feed(batch: TrainingBatch, progress: number, random: Random): ObjectiveFeeds;
}

/** Weights divided by their sum, so that a weighted sum is a mean over the labelled samples; zeros stay zeros. */
export function normalized(weights: Float32Array): { weights: Float32Array; total: number } {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return { weights: total > 0 ? weights.map((weight) => weight / total) : weights, total };
}

/** Rows of `x` [B, F] at unit length; a row of zeros stays. */
export function unitRows(graph: OnnxGraph, x: OnnxValue): OnnxValue {
  const square = p.reduceSum(graph, p.mul(graph, x, x), [1]);
  return p.div(graph, x, p.sqrt(graph, p.add(graph, square, graph.scalar(1e-8))));
}

/** The logits of one task [B, K]. */
export function taskLogits({ graph, selection, logits }: RecordingContext, name: string): OnnxValue {
  const place = selection.tasks.find(({ task }) => task.name === name);
  if (!logits || !place) throw new RangeError(`The network has no output ${name}`);
  return p.slice(graph, logits, 1, place.offset, place.offset + place.task.logits);
}
