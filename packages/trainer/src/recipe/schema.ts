import { InvalidInputError } from '@swinface/core';
import * as v from 'valibot';
import type { JsonPath } from '../files/read.js';

/** Where a part of a recipe stands, as FILE:LINE; what it is of, where that is not known. */
export type Locate = (path: JsonPath) => string;

export const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
export const shareBelowOne = v.pipe(share, v.ltValue(1));
export const positive = v.pipe(v.number(), v.gtValue(0), v.finite());
export const notNegative = v.pipe(v.number(), v.minValue(0), v.finite());
export const count = v.pipe(v.number(), v.integer(), v.minValue(1));
export const between = (low: number, high: number) => v.pipe(v.number(), v.minValue(low), v.maxValue(high));
export const text = v.pipe(v.string(), v.minLength(1));

const HINTS = {
  recipe: "The trainer's README lists the fields; recipes/swinface-nano.json is an example.",
  study: 'recipes/ablation.json is an example.',
} as const;

/**
 * Checks what a file says.
 *
 * @param what the file is
 * @param locate where a part of it stands
 * @throws {InvalidInputError} naming the first field that is missing, unknown or wrong, and where it stands
 */
export function check<T>(
  schema: v.GenericSchema<unknown, T>,
  value: unknown,
  what: keyof typeof HINTS,
  locate: Locate,
): T {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const { path, issue } = nearest(result.issues[0], []);
  const hint = HINTS[what];
  const name = `\`${nameOf(path)}\``;
  if (issue.expected === 'never')
    throw new InvalidInputError(`${locate(path)} has the unknown field ${name}.`, { hint });
  if (issue.received === 'undefined') throw new InvalidInputError(`${locate(path)} lacks the field ${name}.`, { hint });
  throw new InvalidInputError(`${locate(path)} has a wrong ${path.length > 0 ? name : 'content'}.`, {
    expected: issue.expected ?? issue.message,
    actual: issue.received,
    hint,
  });
}

/** Of the alternatives that a field has, the issue of the one that came furthest. */
function nearest(issue: v.BaseIssue<unknown>, above: JsonPath): { path: JsonPath; issue: v.BaseIssue<unknown> } {
  const path = [...above, ...(issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)))];
  const inner = (issue.issues ?? []).filter((entry) => entry.path !== undefined);
  if (inner.length === 0) return { path, issue };
  const depth = (entry: v.BaseIssue<unknown>) => entry.path?.length ?? 0;
  return nearest(
    inner.reduce((best, entry) => (depth(entry) > depth(best) ? entry : best)),
    path,
  );
}

const nameOf = (path: JsonPath): string =>
  path.reduce<string>((name, key) => {
    if (typeof key === 'number') return `${name}[${key}]`;
    return name === '' ? key : `${name}.${key}`;
  }, '');
