import { InvalidInputError } from '@swinface/core';
import { MAX_AGE } from '../samples.js';

/** Counts a sample that is left out of a list, by the reason. */
export type LeaveOut = (reason: string) => void;

const wrong = (where: string, expected: string, actual: string) =>
  new InvalidInputError(`${where} holds a label that is not known.`, { expected, actual: JSON.stringify(actual) });

/**
 * What a word stands for; undefined where it is blank, for absent is absent.
 *
 * @param where the word stands, as FILE:LINE
 * @param meanings by word, in small letters; undefined for words that say that nothing is known
 * @throws {InvalidInputError} naming the line, for any other word
 */
export function choice<T extends string>(
  where: string,
  word: string,
  meanings: Readonly<Record<string, T | undefined>>,
): T | undefined {
  if (word === '') return undefined;
  const known = word.toLowerCase();
  if (Object.hasOwn(meanings, known)) return meanings[known];
  throw wrong(where, `${Object.keys(meanings).join(', ')} or nothing`, word);
}

/** Words for genders in the order of none of the sets: letters and whole words. */
export const GENDERS = { f: 'female', female: 'female', m: 'male', male: 'male' } as const;

/**
 * An age in years; undefined where it is blank.
 *
 * @throws {InvalidInputError} naming the line, if it is none that a person can have
 */
export function age(where: string, word: string): number | undefined {
  if (word === '') return undefined;
  const years = Number(word);
  if (/^\d+(\.\d+)?$/.test(word) && years <= MAX_AGE) return years;
  throw wrong(where, `an age from 0 to ${MAX_AGE}, or nothing`, word);
}

/**
 * A number of things, 0 to `most`.
 *
 * @throws {InvalidInputError} naming the line
 */
export function count(where: string, word: string, most: number): number {
  if (/^\d{1,9}$/.test(word) && Number(word) <= most) return Number(word);
  throw wrong(where, `a whole number from 0 to ${most}`, word);
}
