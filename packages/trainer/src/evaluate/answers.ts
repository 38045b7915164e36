import type { FaceAnalysis } from '@swinface/postprocessing';
import { EXPRESSIONS } from '../data/expressions.js';
import { ATTRIBUTE_TASKS, expressionMajority } from '../data/labels.js';
import type { FaceSample } from '../data/samples.js';
import { HEADS } from '../tasks/heads.js';
import type { AgeAnswer } from './age.js';
import { argmax, type ClassAnswer } from './classification.js';

/** A face with what is known and what was answered. */
export interface JudgedFace {
  readonly sample: FaceSample;
  readonly analysis: FaceAnalysis;
}

/** Faces with an age label. */
export function ageAnswers(faces: readonly JudgedFace[]): AgeAnswer[] {
  return faces.flatMap(({ sample, analysis: { age } }) =>
    sample.age === undefined || !age
      ? []
      : [{ label: sample.age, ...(sample.ageDeviation === undefined ? {} : { sigma: sample.ageDeviation }), ...age }],
  );
}

/** Faces whose gender is labelled, by itself or as CelebA's attribute "Male"; classes [female, male]. */
export function genderAnswers(faces: readonly JudgedFace[]): ClassAnswer[] {
  const male = ATTRIBUTE_TASKS.indexOf('Gender');
  return faces.flatMap(({ sample, analysis: { gender } }) => {
    const label = sample.gender ?? (sample.attributes && (sample.attributes[male] === '1' ? 'male' : 'female'));
    if (!label || !gender) return [];
    const { female: f, male: m } = gender.probabilities;
    return [{ label: label === 'male' ? 1 : 0, probabilities: [f, m], answer: gender.label === 'male' ? 1 : 0 }];
  });
}

/** Faces whose race is labelled with one of the classes of a head for studies of bias; none without such a head. */
export function raceAnswers(faces: readonly JudgedFace[]): ClassAnswer[] {
  const { name, labels = [] } = HEADS.race.task;
  return faces.flatMap(({ sample, analysis: { extra } }) => {
    const label = sample.race === undefined ? -1 : labels.indexOf(sample.race);
    const result = extra[name];
    if (label < 0 || result?.kind !== 'softmax') return [];
    return [{ label, probabilities: result.probabilities, answer: labels.indexOf(result.label) }];
  });
}

/** Faces on whose expression the taggers agree, as classes of {@link EXPRESSIONS}. */
export function expressionAnswers(faces: readonly JudgedFace[]): ClassAnswer[] {
  return faces.flatMap(({ sample, analysis: { expression } }) => {
    const label = sample.votes && expressionMajority(sample.votes);
    if (label === undefined || !expression) return [];
    const probabilities = EXPRESSIONS.map((name) => Number((expression as Readonly<Record<string, unknown>>)[name]));
    return [{ label, probabilities, answer: argmax(probabilities) }];
  });
}

/** Faces with attribute labels, by task name; classes [no, yes]. */
export function attributeAnswers(faces: readonly JudgedFace[]): Map<string, ClassAnswer[]> {
  const answers = new Map<string, ClassAnswer[]>();
  for (const { sample, analysis } of faces) {
    if (sample.attributes === undefined) continue;
    const decided: Readonly<Partial<Record<string, boolean>>> = analysis.attributes;
    const chances: Readonly<Partial<Record<string, number>>> = analysis.attributeProbabilities;
    for (const [i, task] of ATTRIBUTE_TASKS.entries()) {
      const yes = task === 'Gender' ? analysis.gender?.probabilities.male : chances[task];
      const answer = task === 'Gender' ? analysis.gender?.label === 'male' : decided[task];
      if (yes === undefined || answer === undefined) continue;
      const list = answers.get(task) ?? [];
      list.push({ label: Number(sample.attributes[i]), probabilities: [1 - yes, yes], answer: answer ? 1 : 0 });
      answers.set(task, list);
    }
  }
  return answers;
}
