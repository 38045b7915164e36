import { type Manifest, placedTasks } from '@swinface/core';
import { thresholdOf } from '../calibration.js';
import { normalised } from '../numeric.js';
import {
  type ApparentAge,
  ATTRIBUTES,
  type AttributeName,
  EXPRESSIONS,
  type Expression,
  type ExpressionResult,
  type ExtraResult,
  type FaceAnalysis,
  type GenderResult,
} from '../types.js';
import { DecayingMean } from './decaying-mean.js';
import { steadyAnswer, steadyLabel } from './hysteresis.js';
import type { AveragedAnalysis, Sighting } from './types.js';

/** Seconds over which each kind of output is averaged. */
const MEMORY = { identity: 10, slow: 5, fast: 0.3 };
/** Attributes that a face does rather than has. */
const FAST: readonly AttributeName[] = ['Smiling', 'Mouth Slightly Open', 'Blurry'];
/** Weight of a frame of quality 0: it is better than nothing while there is nothing better. */
const LEAST_WEIGHT = 1e-3;

/** The steadied results of one track. */
export class TrackAverage {
  /** Time of the last sighting in seconds. */
  time = -Infinity;
  /** Results by the last sighting. */
  result: AveragedAnalysis = { attributes: {}, attributeProbabilities: {}, extra: {} };
  readonly #manifest: Pick<Manifest, 'config' | 'calibration'>;
  readonly #means = new Map<string, DecayingMean>();

  constructor(manifest: Pick<Manifest, 'config' | 'calibration'>) {
    this.#manifest = manifest;
  }

  /** Takes a sighting in. */
  update(sighting: Sighting, quality: number, time: number): AveragedAnalysis {
    this.time = time;
    const mean = (name: string, values: readonly number[], memory: number): readonly number[] => {
      const found = this.#means.get(name) ?? new DecayingMean(memory);
      this.#means.set(name, found);
      return found.update(values, Math.max(quality, LEAST_WEIGHT), time);
    };
    const { embedding, recognisability, age, gender, expression, attributeProbabilities = {}, extra = {} } = sighting;
    let next: AveragedAnalysis = { ...this.result };
    if (embedding) {
      const average = mean('identity', [...embedding], MEMORY.identity);
      const length = Math.hypot(...average);
      next =
        length > 0
          ? { ...next, embedding: normalised(average, 'The embedding'), agreement: Math.min(1, length) }
          : { ...next, embedding, agreement: 1 };
      const best = this.result.bestShot;
      if (!best || quality > best.quality) next = { ...next, bestShot: { embedding, quality, time } };
    }
    if (recognisability !== undefined) {
      // Over the same frames as the embedding, by the same weights.
      const [average] = mean('recognisability', [recognisability], MEMORY.identity);
      next = { ...next, ...(average !== undefined && { recognisability: average }) };
    }
    if (age) next = { ...next, age: averagedAge(age, mean) };
    if (gender) next = { ...next, gender: this.#gender(gender, mean) };
    if (expression) next = { ...next, expression: this.#expression(expression, mean) };
    this.result = {
      ...next,
      ...this.#attributes(attributeProbabilities, mean),
      extra: Object.fromEntries([
        ...Object.entries(this.result.extra),
        ...Object.entries(extra).map(([name, value]) => [name, this.#extra(name, value, mean)] as const),
      ]),
    };
    return this.result;
  }

  #gender({ probabilities }: GenderResult, mean: Mean): GenderResult {
    const [female = 0, male = 0] = mean('gender', [probabilities.female, probabilities.male], MEMORY.slow);
    const before = this.result.gender && this.result.gender.label === 'male';
    return {
      label: steadyAnswer(male, this.#threshold('Gender'), before) ? 'male' : 'female',
      probabilities: { female, male },
    };
  }

  #expression(expression: ExpressionResult, mean: Mean): ExpressionResult {
    const probabilities = mean(
      'expression',
      EXPRESSIONS.map((name) => expression[name]),
      MEMORY.fast,
    );
    const before = this.result.expression && EXPRESSIONS.indexOf(this.result.expression.label);
    const byName = Object.fromEntries(EXPRESSIONS.map((name, i) => [name, probabilities[i]])) as Record<
      Expression,
      number
    >;
    return { label: EXPRESSIONS[steadyLabel(probabilities, before)] as Expression, ...byName };
  }

  #attributes(
    fresh: FaceAnalysis['attributeProbabilities'],
    mean: Mean,
  ): Pick<FaceAnalysis, 'attributes' | 'attributeProbabilities'> {
    const attributes = { ...this.result.attributes };
    const attributeProbabilities = { ...this.result.attributeProbabilities };
    for (const name of ATTRIBUTES) {
      const value = fresh[name];
      if (value === undefined) continue;
      const [yes = 0] = mean(name, [value], FAST.includes(name) ? MEMORY.fast : MEMORY.slow);
      attributeProbabilities[name] = yes;
      attributes[name] = steadyAnswer(yes, this.#threshold(name), attributes[name]);
    }
    return { attributes, attributeProbabilities };
  }

  #extra(name: string, value: ExtraResult, mean: Mean): ExtraResult {
    const before = Object.hasOwn(this.result.extra, name) ? this.result.extra[name] : undefined;
    const key = `extra ${name}`;
    switch (value.kind) {
      case 'regression':
        return { kind: 'regression', values: mean(key, value.values, MEMORY.slow) };
      case 'softmax': {
        const probabilities = mean(key, value.probabilities, MEMORY.slow);
        const labels = this.#labels(name, probabilities.length);
        const old = before?.kind === 'softmax' ? labels.indexOf(before.label) : -1;
        return {
          kind: 'softmax',
          label: labels[steadyLabel(probabilities, old < 0 ? undefined : old)] as string,
          probabilities,
        };
      }
      case 'sigmoid': {
        const probabilities = mean(key, value.probabilities, MEMORY.slow);
        const decisions = probabilities.map((yes, i) =>
          steadyAnswer(yes, this.#threshold(name), before?.kind === 'sigmoid' ? before.decisions[i] : undefined),
        );
        return { kind: 'sigmoid', probabilities, decisions };
      }
      case 'ordinal': {
        const probabilities = mean(key, value.probabilities, MEMORY.slow);
        const expected = probabilities.reduce((sum, probability) => sum + probability, 0);
        return { kind: 'ordinal', rank: probabilities.filter((p) => p > 0.5).length, expected, probabilities };
      }
    }
  }

  #labels(name: string, count: number): readonly string[] {
    const { labels } = placedTasks(this.#manifest.config).find(({ task }) => task.name === name)?.task ?? {};
    return labels ?? Array.from({ length: count }, (_, i) => String(i));
  }

  #threshold(name: string): number {
    return thresholdOf(name, this.#manifest.calibration);
  }
}

type Mean = (name: string, values: readonly number[], memory: number) => readonly number[];

function averagedAge({ years, high }: ApparentAge, mean: Mean): ApparentAge {
  const [average = 0] = mean('age', [years], MEMORY.slow);
  if (high === undefined) return { years: average };
  const [halfWidth = 0] = mean('age interval', [high - years], MEMORY.slow);
  return { years: average, low: Math.max(0, average - halfWidth), high: average + halfWidth };
}
