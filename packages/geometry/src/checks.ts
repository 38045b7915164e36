import { InvalidInputError } from './errors.js';

/** A value in a few words, for errors. Takes anything and never throws. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return Object.prototype.toString.call(value).slice(8, -1);
}

/**
 * Checks what a caller gave.
 *
 * @param what names it, at the beginning of a sentence: "The option "signal""
 * @param expected what would have been accepted
 * @throws {InvalidInputError} unless the condition holds
 */
export function requireInput(condition: unknown, what: string, expected: string, actual: unknown): asserts condition {
  if (condition) return;
  throw new InvalidInputError(`${what} is not usable.`, { expected, actual: describeValue(actual) });
}

/** Whether a value has properties: null, numbers and the like have none. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Whether a value is of a kind, by the brand that the browser gives it; holds for objects of other windows too. */
export const isBranded = (value: unknown, brand: string): boolean =>
  Object.prototype.toString.call(value) === `[object ${brand}]`;

/**
 * Checks an object of which some properties must be numbers.
 *
 * @param what names it, as for {@link requireInput}
 * @throws {InvalidInputError} unless it has all of them
 */
export function requireNumbers(what: string, value: unknown, keys: readonly string[]): void {
  const usable = isObject(value) && keys.every((key) => typeof value[key] === 'number');
  requireInput(usable, what, `an object with the numbers ${keys.join(', ')}`, value);
}

/** @throws {InvalidInputError} unless this is a number */
export function requireNumber(what: string, value: unknown): void {
  requireInput(typeof value === 'number', what, 'a number', value);
}

/** Whether this has a length and numbers, as lists of them and typed arrays do. */
export const isVector = (value: unknown): value is ArrayLike<number> =>
  Array.isArray(value)
    ? value.every((number) => typeof number === 'number')
    : ArrayBuffer.isView(value) && 'length' in value && typeof Reflect.get(value, 0) !== 'bigint';
