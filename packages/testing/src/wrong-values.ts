/** Calls with values that JavaScript lets pass where types would not. */
import { SwinFaceError } from '@swinface/core';

/** One of everything that somebody may hand over by mistake. */
export const WRONG_VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  7,
  -1,
  Number.NaN,
  '',
  'x',
  {},
  [],
  [null],
  [undefined, 3],
  () => 1,
  Symbol('s'),
  12n,
  [12n, 12n],
  { x: 12n, width: Symbol('w') },
  new Float32Array(2),
  new Map(),
  new Date(),
  Object.create(null),
];

/** What a function made of wrong values. */
export interface WrongAnswers {
  /** Calls that ended in an error of this SDK, which has a code. */
  readonly refused: number;
  /** Calls that ended in any other error. */
  readonly raw: readonly { readonly values: readonly unknown[]; readonly error: unknown }[];
}

/**
 * Calls a function with too few arguments, with each argument exchanged for each wrong value, and with each property or
 * element of each argument exchanged so.
 *
 * @param right arguments that the function takes
 */
export async function callWrongly(
  call: (...values: never[]) => unknown,
  right: readonly unknown[],
): Promise<WrongAnswers> {
  let refused = 0;
  const raw: { values: readonly unknown[]; error: unknown }[] = [];
  for (const values of wrongly(right)) {
    try {
      await call(...(values as never[]));
    } catch (error) {
      if (error instanceof SwinFaceError) refused++;
      else raw.push({ values, error });
    }
  }
  return { refused, raw };
}

function* wrongly(right: readonly unknown[]): Generator<readonly unknown[]> {
  for (let count = 0; count < right.length; count++) yield right.slice(0, count);
  for (const [position, argument] of right.entries()) {
    for (const wrong of WRONG_VALUES) {
      yield right.with(position, wrong);
      if (typeof argument !== 'object' || argument === null || ArrayBuffer.isView(argument)) continue;
      for (const key of Object.keys(argument)) {
        const changed = Array.isArray(argument) ? [...argument] : { ...argument };
        Reflect.set(changed, key, wrong);
        yield right.with(position, changed);
      }
    }
  }
}
