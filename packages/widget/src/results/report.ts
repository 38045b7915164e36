import type { Face, TrackedFace } from 'swinface';
import type { Strings } from '../strings/types.js';
import { type AttributeName, VALUE_LADEN } from '../value-laden.js';

/** A face as the widget reports it: `id` only for videos, identity and value-laden attributes only on request. */
export type ReportedFace = Face & Partial<Pick<TrackedFace, 'id'>>;

/** Whether an output is shown, given those that the page asked for. */
export const isShown = (output: string, asked: readonly string[] | undefined): boolean =>
  asked ? asked.includes(output) : output !== 'Recognition' && !VALUE_LADEN.has(output as AttributeName);

const kept = <T>(record: Readonly<Partial<Record<AttributeName, T>>>, asked: readonly string[] | undefined) =>
  Object.fromEntries(Object.entries(record).filter(([name]) => isShown(name, asked))) as typeof record;

/** The face without the outputs that are not shown. */
export function reportedFace(face: ReportedFace, asked: readonly string[] | undefined): ReportedFace {
  const { embedding, age, gender, expression, extra, ...rest } = face;
  return {
    ...rest,
    ...(embedding && isShown('Recognition', asked) ? { embedding } : {}),
    ...(age && isShown('Age', asked) ? { age } : {}),
    ...(gender && isShown('Gender', asked) ? { gender } : {}),
    ...(expression && isShown('Expression', asked) ? { expression } : {}),
    attributes: kept(face.attributes, asked),
    attributeProbabilities: kept(face.attributeProbabilities, asked),
    extra: Object.fromEntries(Object.entries(extra).filter(([name]) => isShown(name, asked))),
  };
}

/** One line of a face's results. */
export interface Line {
  readonly output: 'Age' | 'Expression' | 'Gender' | 'attributes';
  readonly name: string;
  readonly value: string;
  /** How sure, or how wide. */
  readonly note?: string;
}

/** A face's results in words. */
export function lines({ age, expression, gender, attributes }: ReportedFace, strings: Strings): Line[] {
  const number = new Intl.NumberFormat(strings.locale, { maximumFractionDigits: 0 });
  const percent = new Intl.NumberFormat(strings.locale, { style: 'percent' });
  const found: Line[] = [];
  if (age) {
    const { years, low, high } = age;
    const range = low !== undefined && high !== undefined && strings.years(number.format(low), number.format(high));
    found.push({
      output: 'Age',
      name: strings.age,
      value: number.format(Math.max(0, years)),
      ...(range ? { note: range } : {}),
    });
  }
  if (expression) {
    const { label } = expression;
    const value = strings.expressions[label];
    found.push({ output: 'Expression', name: strings.expression, value, note: percent.format(expression[label]) });
  }
  if (gender) {
    const { label, probabilities } = gender;
    const value = strings.genders[label];
    found.push({ output: 'Gender', name: strings.gender, value, note: percent.format(probabilities[label]) });
  }
  const seen = (Object.keys(attributes) as AttributeName[]).filter(
    // What is absent is not seen.
    (name) => attributes[name] && name !== 'No Beard',
  );
  if (seen.length > 0) {
    const list = new Intl.ListFormat(strings.locale, { type: 'unit' });
    found.push({
      output: 'attributes',
      name: strings.seen,
      value: list.format(seen.map((name) => strings.attributes[name])),
    });
  }
  return found;
}

/** What a face is called: its id in a video, its place in a photo. */
export const faceLabel = (face: ReportedFace, index: number): string => String(face.id ?? index + 1);

/** The results in a few words, for those who listen. */
export function summary(faces: readonly ReportedFace[], strings: Strings): string {
  const each = faces.map((face, i) => {
    const words = lines(face, strings).filter(({ output }) => output !== 'attributes');
    return `${strings.face(faceLabel(face, i))}: ${words.map(({ name, value }) => `${name} ${value}`).join(', ')}`;
  });
  return [strings.faces(faces.length), ...each].join('. ');
}

/** How far loading the model is, as a share where that is known. */
export function loadingStatus(progress: number | 'busy', { loadingModel, loadingShare, locale }: Strings): string {
  if (progress === 'busy') return loadingModel;
  return loadingShare(new Intl.NumberFormat(locale, { style: 'percent' }).format(progress));
}

const HEADS = ['Expression', 'Age', 'Gender'] as const;

/** Outputs of a face that can be explained: what is shown of it, then what was looked for and not seen. */
export function explainable(face: ReportedFace): readonly string[] {
  const { age, expression, gender, attributes } = face;
  const known = { Age: age, Expression: expression, Gender: gender };
  const names = Object.keys(attributes) as (keyof typeof attributes)[];
  return [
    ...HEADS.filter((task) => known[task]),
    ...names.filter((name) => attributes[name]),
    ...names.filter((name) => !attributes[name]),
  ];
}
