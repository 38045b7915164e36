import { type OutputSelection, RECOGNITION } from '@swinface/core';
import { cosine, difference, GOLDEN_BARS } from '@swinface/testing';

/** The right answer for the two faces that every batch alternates between. */
export interface Expected {
  readonly embeddings: readonly (readonly number[])[];
  /** [face][R], laid out by the selection. */
  readonly logits: readonly (readonly number[])[];
}

/** How far an engine's outputs are from the right ones. */
export interface Parity {
  readonly passed: boolean;
  readonly maxDifference: number;
  /** Of the embeddings. */
  readonly lowestCosine: number;
  readonly lowestLogitCosine: number;
  /** What was asked of it, for people. */
  readonly bar: string;
}

/**
 * Engines whose weights are stored in fewer bits are held to their embedding's direction. Their logits are reported, not
 * judged: weights that were not made for it are rounded as they are loaded, and what that costs shows on real faces only.
 * Pictures of noise lie far from anything the weights were made for, so rounding turns an embedding more than on faces, by
 * up to 0.003; a wrong scale, row or sign turns it by far more than the bar.
 */
const COSINE_BARS: readonly (readonly [suffix: string, cosine: number])[] = [
  ['-f16', 0.9999],
  ['-int8', 0.99],
];

/** From the two faces' outputs by name, as golden files and the reference have them. */
export function expectedOutputs(
  selection: OutputSelection,
  outputs: Readonly<Record<string, readonly (readonly number[])[]>>,
): Expected {
  const embeddings = outputs[RECOGNITION] ?? [];
  const logits = embeddings.map((_, face) => {
    const row = new Array<number>(selection.logits).fill(Number.NaN);
    for (const { task, offset } of selection.tasks) {
      (outputs[task.name]?.[face] ?? []).forEach((value, i) => {
        row[offset + i] = value;
      });
    }
    return row;
  });
  return { embeddings, logits };
}

/** Compares every element of every face of a batch. */
export function checkOutputs(
  engine: string,
  expected: Expected,
  count: number,
  actual: { readonly embeddings?: readonly number[]; readonly logits?: readonly number[] },
): Parity {
  const faces = Array.from({ length: count }, (_, face) => face % 2);
  const want = {
    embeddings: faces.flatMap((face) => expected.embeddings[face] ?? []),
    logits: faces.flatMap((face) => expected.logits[face] ?? []),
  };
  const embeddings = actual.embeddings ?? [];
  const logits = actual.logits ?? [];
  const cosines = (a: readonly number[], b: readonly number[]) => {
    const width = b.length / count;
    const row = (values: readonly number[], face: number) => values.slice(face * width, (face + 1) * width);
    return b.length === 0 ? [1] : faces.map((_, face) => cosine(row(a, face), row(b, face)));
  };
  const gaps = [difference(embeddings, want.embeddings, GOLDEN_BARS), difference(logits, want.logits, GOLDEN_BARS)];
  const sized = embeddings.length === want.embeddings.length && logits.length === want.logits.length;
  const lowestCosine = Math.min(...cosines(embeddings, want.embeddings));
  const lowestLogitCosine = Math.min(...cosines(logits, want.logits));
  const maxDifference = Math.max(...gaps.map(({ max }) => max));
  const loose = COSINE_BARS.find(([suffix]) => engine.endsWith(suffix))?.[1];
  const passed =
    loose === undefined
      ? sized && gaps.every(({ outside }) => outside === 0) && lowestCosine >= GOLDEN_BARS.cosine
      : sized && Number.isFinite(maxDifference) && lowestCosine >= loose;
  const { atol, rtol, cosine: strict } = GOLDEN_BARS;
  const bar = loose === undefined ? `${atol} + ${rtol} |x|, cosine ${strict}` : `cosine ${loose}`;
  return { passed, maxDifference, lowestCosine, lowestLogitCosine, bar };
}
