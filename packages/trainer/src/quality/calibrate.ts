import { InvalidInputError, type ManifestRecognisability } from '@swinface/core';
import { CLEAN, type RawEmbeddings } from './embeddings.js';
import { fitRecognisability } from './fit.js';
import { rawScores } from './measure.js';

/** Embeddings of one list's faces by the name of the fault, and as they are. */
export type ByFault = ReadonlyMap<string, RawEmbeddings>;

/** Share of faces without a drawn fault that are given up: the cut is as strict as that allows. */
const GIVEN_UP = 0.03;

/**
 * Fits the score and sets its bias so that one half is the cut.
 *
 * @param fit faces of the training parts
 * @param cut faces of people who are not among them
 * @throws {InvalidInputError} if there are too few faces to choose a cut by
 */
export function calibrateRecognisability(
  fit: readonly ByFault[],
  cut: readonly ByFault[],
  dims: number,
): ManifestRecognisability {
  const good = joined(fit.flatMap((faces) => faces.get(CLEAN) ?? []));
  const poor = joined(fit.flatMap((faces) => [...faces].flatMap(([name, rows]) => (name === CLEAN ? [] : [rows]))));
  const score = fitRecognisability(good, poor, dims);
  const scores = rawScores(joined(cut.flatMap((faces) => faces.get(CLEAN) ?? [])), score).sort((a, b) => a - b);
  const least = scores[Math.floor(GIVEN_UP * scores.length)];
  if (least === undefined || scores.length * GIVEN_UP < 10) {
    throw new InvalidInputError('There are too few people to say which faces are recognisable.', {
      expected: `${Math.ceil(10 / GIVEN_UP)} who are not fitted to`,
      actual: `${scores.length}`,
      hint: 'Name a list with identities among those to fit to.',
    });
  }
  return { ...score, bias: Number((score.bias - least).toPrecision(5)) };
}

function joined(parts: readonly RawEmbeddings[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { rows }) => sum + rows.length, 0));
  let at = 0;
  for (const { rows } of parts) {
    all.set(rows, at);
    at += rows.length;
  }
  return all;
}
