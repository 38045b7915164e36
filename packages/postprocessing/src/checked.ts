/** What JavaScript callers may get wrong, whatever they pass. */
import type { OperatingPoint } from '@swinface/core';
import { isObject, requireInput } from '@swinface/geometry';

/** @throws {InvalidInputError} unless this is a measured table, as a manifest has it; an empty one is */
export function requireVerification(verification: unknown): asserts verification is readonly OperatingPoint[] {
  const isPoint = (point: unknown) =>
    isObject(point) && [point.threshold, point.falseMatchRate].every((number) => typeof number === 'number');
  const usable = Array.isArray(verification) && verification.every(isPoint);
  requireInput(usable, 'The argument "verification"', '`manifest.calibration.verification`', verification);
}

/** @throws {InvalidInputError} unless these are options, of whatever kind */
export function requireOptions(options: unknown): asserts options is object {
  requireInput(isObject(options), 'The argument "options"', 'an object', options);
}

/** @throws {InvalidInputError} unless this is a list, of whatever */
export function requireList(name: string, list: unknown, of: string): asserts list is readonly unknown[] {
  requireInput(Array.isArray(list), `The argument "${name}"`, `a list of ${of}`, list);
}

/** @throws {InvalidInputError} unless this has a length, as lists and typed arrays have */
export function requireVector(name: string, vector: unknown): asserts vector is ArrayLike<number> {
  const usable = (Array.isArray(vector) && vector.every((n) => typeof n === 'number')) || ArrayBuffer.isView(vector);
  requireInput(usable, `The argument "${name}"`, 'a Float32Array or a list of numbers', vector);
}
