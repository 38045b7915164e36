import { decodeFloat16, InvalidInputError, type Level } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { ClassLabels } from '../data/class-labels.js';
import { Draws } from '../data/draws.js';
import { Random } from '../data/random.js';
import type { BatchSource, TrainingBatch } from '../tasks/batch.js';
import type { FeatureCache } from './cache.js';

/** One data set's share of every training step. */
export interface FeaturePart {
  /** The set's features in each view. */
  readonly views: readonly FeatureCache[];
  /** Indices of the samples that may be drawn, some of them more than once. */
  readonly indices: Uint32Array;
  /** Samples per step. */
  readonly count: number;
}

/** Draws batches of cached features from several data sets at once, each face in a view that is drawn anew each time. */
export class FeatureSource implements BatchSource {
  readonly samplesPerEpoch: number;
  /** Faces per batch. */
  readonly batch: number;
  private step = 0;
  private readonly draws: Draws;

  /**
   * @param levels what a face's features are, one after another
   * @throws {InvalidInputError} if a part has no samples
   */
  constructor(
    private readonly parts: readonly FeaturePart[],
    private readonly levels: readonly Level[],
    private readonly seed: number,
  ) {
    for (const { views, indices } of parts) {
      if (indices.length === 0) throw new InvalidInputError(`${at(views, 0).dataset.name} has no samples to train on.`);
    }
    this.draws = new Draws(seed);
    this.batch = parts.reduce((sum, { count }) => sum + count, 0);
    this.samplesPerEpoch = parts.reduce((sum, { indices }) => sum + indices.length, 0);
  }

  state(): unknown {
    return { step: this.step, seed: this.seed };
  }

  restore(state: unknown): void {
    this.step = this.draws.stepOf(state);
  }

  async next(): Promise<TrainingBatch> {
    const { batch } = this;
    const widths = this.levels.map(({ side, channels }) => side * side * channels);
    const levels = widths.map((width) => new Float32Array(batch * width));
    const labels = new ClassLabels(batch);
    let slot = 0;
    for (const [p, { views, indices, count }] of this.parts.entries()) {
      for (let k = 0; k < count; k++, slot++) {
        const index = this.draws.face(p, indices, this.step * count + k);
        // Each face has its own stream, so a batch depends on the seed and its number alone.
        const view = at(views, new Random(this.seed, this.step, slot).integer(views.length));
        const half = new Uint16Array(view.size);
        view.read(index, half);
        const features = decodeFloat16(half);
        let from = 0;
        for (const [level, width] of widths.entries()) {
          levels[level]?.set(features.subarray(from, from + width), slot * width);
          from += width;
        }
        labels.set(slot, at(view.dataset.samples, index));
      }
    }
    this.step++;
    return { count: batch, images: new Float32Array(), levels, softmax: labels.softmax, age: labels.age };
  }
}
