import { SUBNETS, type Task } from '@swinface/core';
import type { SoftmaxTarget, TrainingBatch } from '../tasks/batch.js';
import { HEADS } from '../tasks/heads.js';
import { softmaxTargets } from './labels.js';
import type { FaceSample } from './samples.js';

/** Softmax tasks of the paper's network, and race: each is in every batch, so that one compiled graph serves them all. */
export const SOFTMAX_TASKS: readonly Task[] = [...SUBNETS.flatMap(({ tasks }) => tasks), HEADS.race.task].filter(
  ({ kind }) => kind === 'softmax',
);

/** Ages and classes of a batch, filled face by face. */
export class ClassLabels {
  readonly softmax: Readonly<Record<string, SoftmaxTarget>>;
  readonly age: Required<TrainingBatch['age']>;

  /** @param batch faces */
  constructor(batch: number) {
    this.age = { years: new Float32Array(batch), weight: new Float32Array(batch), sigma: new Float32Array(batch) };
    this.softmax = Object.fromEntries(
      SOFTMAX_TASKS.map(({ name, logits }) => [
        name,
        { target: new Float32Array(batch * logits), weight: new Float32Array(batch) },
      ]),
    );
  }

  set(slot: number, sample: FaceSample): void {
    for (const [task, distribution] of softmaxTargets(sample)) {
      this.softmax[task]?.target.set(distribution, slot * distribution.length);
      this.softmax[task]?.weight.fill(1, slot, slot + 1);
    }
    if (sample.age === undefined) return;
    this.age.years[slot] = sample.age;
    this.age.weight[slot] = 1;
    this.age.sigma[slot] = sample.ageDeviation ?? 0;
  }
}
