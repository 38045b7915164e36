import { HEADS } from '../tasks/heads.js';
import { EXPRESSIONS } from './expressions.js';
import type { FaceSample } from './samples.js';

/** CelebA's 40 attributes in the order of its label file. */
export const CELEBA_ATTRIBUTES: readonly string[] = (
  '5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair ' +
  'Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male ' +
  'Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks ' +
  'Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace ' +
  'Wearing_Necktie Young'
).split(' ');

/** The network's name of a CelebA attribute: "5_o_Clock_Shadow" is "Five O'Clock Shadow", "Male" is "Gender". */
export function attributeTask(attribute: string): string {
  if (attribute === '5_o_Clock_Shadow') return "Five O'Clock Shadow";
  return attribute === 'Male' ? 'Gender' : attribute.replaceAll('_', ' ');
}

/** Task name of each of {@link CELEBA_ATTRIBUTES}. */
export const ATTRIBUTE_TASKS: readonly string[] = CELEBA_ATTRIBUTES.map(attributeTask);

/**
 * Distribution of the taggers' votes over the seven {@link EXPRESSIONS}; votes for anything else (contempt, unknown,
 * not a face) are dropped. Undefined where one of those others has the most votes, alone or tied: the taggers saw none of the seven.
 */
export function expressionDistribution(votes: Readonly<Record<string, number>>): number[] | undefined {
  const counts = EXPRESSIONS.map((name) => votes[name] ?? 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const best = Math.max(...counts);
  const other = Math.max(0, ...Object.entries(votes).map(([name, count]) => (EXPRESSIONS.includes(name) ? 0 : count)));
  return total > 0 && best > other ? counts.map((count) => count / total) : undefined;
}

/** Index of the majority among the seven {@link EXPRESSIONS}; undefined where it is none of them, or two share it. */
export function expressionMajority(votes: Readonly<Record<string, number>>): number | undefined {
  const distribution = expressionDistribution(votes);
  if (!distribution) return undefined;
  const best = Math.max(...distribution);
  const first = distribution.indexOf(best);
  return distribution.indexOf(best, first + 1) < 0 ? first : undefined;
}

/** What a sample says about each softmax task: task name to distribution over its labels; of race as UTKFace names it. */
export function softmaxTargets(sample: FaceSample): Map<string, readonly number[]> {
  const targets = new Map<string, readonly number[]>();
  if (sample.attributes !== undefined) {
    for (const [i, task] of ATTRIBUTE_TASKS.entries())
      targets.set(task, sample.attributes[i] === '1' ? [0, 1] : [1, 0]);
  }
  if (sample.gender !== undefined) targets.set('Gender', sample.gender === 'male' ? [0, 1] : [1, 0]);
  const { name, labels = [] } = HEADS.race.task;
  const race = sample.race === undefined ? -1 : labels.indexOf(sample.race);
  if (race >= 0)
    targets.set(
      name,
      labels.map((_, k) => (k === race ? 1 : 0)),
    );
  const expression = sample.votes && expressionDistribution(sample.votes);
  if (expression) targets.set('Expression', expression);
  return targets;
}
