import type { FaceAnalysis } from '@swinface/postprocessing';
import { ATTRIBUTE_TASKS, EXPRESSIONS, expressionMajority } from '../data/labels.js';
import type { FaceSample } from '../data/samples.js';
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
    sample.age === undefined || !age ? [] : [{ label: sample.age, ...age }],
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
