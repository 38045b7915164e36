import { InvalidInputError } from '@swinface/core';
import { CROP_SIZE } from '@swinface/geometry';
import type { BatchSource, TrainingBatch } from '../tasks/batch.js';
import { ACTION_UNITS, ACTION_UNITS_TASK, LANDMARKS, LANDMARKS_TASK } from '../tasks/heads.js';
import { type Augmentation, Augmenter } from './augment.js';
import type { CropCache } from './cache.js';
import { ClassLabels } from './class-labels.js';
import { Draws } from './draws.js';
import { Random } from './random.js';
import { placeLandmarks, VectorLabels } from './vector-labels.js';

const IMAGE = 3 * CROP_SIZE * CROP_SIZE;

/** One data set's share of every training step. */
export interface TrainingPart {
  readonly cache: CropCache;
  /** Indices of the samples that may be drawn. */
  readonly indices: Uint32Array;
  /** Samples per step. */
  readonly count: number;
  readonly augmentation: Augmentation;
  /** Unit vectors [samples of the list, dims] of the teacher, where there is one. */
  readonly embeddings?: Float32Array;
  /** Weight of the teacher's embedding for these samples; 0 leaves it out. */
  readonly embeddingWeight: number;
  /** Class of each identity of the list. */
  readonly identities?: ReadonlyMap<string, number>;
}

/** Draws batches from several data sets at once, a fixed number from each; every face is varied anew each time. */
export class MixedSource implements BatchSource {
  readonly samplesPerEpoch: number;
  /** Faces per batch. */
  readonly batch: number;
  private step = 0;
  private readonly augmenter = new Augmenter();
  private readonly draws: Draws;

  /**
   * @param dims length of the teacher's embeddings; 0 without teacher.
   * @throws {InvalidInputError} if a part has no samples.
   */
  constructor(
    private readonly parts: readonly TrainingPart[],
    private readonly seed: number,
    private readonly dims: number,
  ) {
    for (const { cache, indices } of parts) {
      if (indices.length === 0) throw new InvalidInputError(`${cache.dataset.name} has no samples to train on.`);
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
    const { batch, dims } = this;
    const images = new Float32Array(batch * IMAGE);
    const labels = new ClassLabels(batch);
    const target = new Float32Array(batch * dims);
    const embeddingWeight = new Float32Array(batch);
    const label = new Int32Array(batch);
    const identityWeight = new Float32Array(batch);
    const actionUnits = new VectorLabels(batch, ACTION_UNITS.length);
    const landmarks = new VectorLabels(batch, 2 * LANDMARKS);
    let slot = 0;
    for (const [p, part] of this.parts.entries()) {
      const crop = new Uint8Array(part.cache.cropBytes);
      for (let k = 0; k < part.count; k++, slot++) {
        const index = this.draws.face(p, part.indices, this.step * part.count + k);
        const sample = part.cache.dataset.samples[index];
        if (!sample) continue;
        part.cache.read(index, crop);
        // Each face has its own stream, so a batch depends on the seed and its number alone, not on what came before.
        const random = new Random(this.seed, this.step, slot);
        const image = images.subarray(slot * IMAGE, (slot + 1) * IMAGE);
        const placement = this.augmenter.apply(crop, part.cache.geometry, part.augmentation, random, image);
        if (sample.actionUnits) actionUnits.set(slot, sample.actionUnits);
        if (sample.landmarks) {
          const points = sample.points ?? part.cache.dataset.meanPoints;
          if (points) landmarks.set(slot, placeLandmarks(sample.landmarks, points, part.cache.geometry, placement));
        }
        labels.set(slot, sample);
        if (part.embeddings) {
          const row = part.embeddings.subarray(index * dims, (index + 1) * dims);
          target.set(row, slot * dims);
          embeddingWeight[slot] = row.some((v) => v !== 0) ? part.embeddingWeight : 0;
        }
        const identity = sample.identity === undefined ? undefined : part.identities?.get(sample.identity);
        if (identity !== undefined) {
          label[slot] = identity;
          identityWeight[slot] = 1;
        }
      }
    }
    this.step++;
    return {
      count: batch,
      images,
      softmax: labels.softmax,
      age: labels.age,
      sigmoid: { [ACTION_UNITS_TASK]: actionUnits },
      regression: { [LANDMARKS_TASK]: landmarks },
      ...(dims > 0 ? { embedding: { target, weight: embeddingWeight } } : {}),
      ...(this.parts.some(({ identities }) => identities) ? { identity: { label, weight: identityWeight } } : {}),
    };
  }
}
