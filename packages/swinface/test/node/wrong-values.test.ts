/** What the functions that applications call say to values that JavaScript lets them pass. */
import { chooseLocator } from '@swinface/alignment';
import { fetchModel, RemoteModel, selectOutputs } from '@swinface/core';
import { cosineSimilarity, decodeOutputs } from '@swinface/postprocessing';
import { WRONG_VALUES } from '@swinface/testing';
import { FaceAnalyzer } from 'swinface';
import { expect, test } from 'vitest';

/** Each with as many wrong arguments as it takes. */
const FUNCTIONS: Readonly<Record<string, (...values: never[]) => unknown>> = {
  'FaceAnalyzer.create': FaceAnalyzer.create.bind(FaceAnalyzer),
  fetchModel,
  'RemoteModel.open': RemoteModel.open.bind(RemoteModel),
  selectOutputs,
  chooseLocator,
  cosineSimilarity,
  decodeOutputs,
};

/** What may be thrown: errors of this SDK have a code. */
const codeOf = (error: unknown): unknown => (error instanceof Error ? Reflect.get(error, 'code') : undefined);

test.each(Object.entries(FUNCTIONS))('%s answers wrong values with typed errors', async (_, call) => {
  let refused = 0;
  const raw: unknown[] = [];
  for (const first of WRONG_VALUES) {
    for (const second of WRONG_VALUES) {
      for (const values of [[first], [first, second], [first, second, second], [second, second, first, first]]) {
        try {
          await call(...(values as never[]));
        } catch (error) {
          if (typeof codeOf(error) === 'string') refused++;
          else raw.push({ values, error });
        }
      }
    }
  }
  expect(raw.slice(0, 3)).toEqual([]);
  expect(refused).toBeGreaterThan(WRONG_VALUES.length);
});
