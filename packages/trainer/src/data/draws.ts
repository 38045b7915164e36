import { InvalidInputError } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { EXPRESSIONS } from './expressions.js';
import { expressionMajority } from './labels.js';
import { Random } from './random.js';
import type { FaceSample } from './samples.js';

/** Faces that are drawn `times` as often: those for which all that is named holds. */
export interface Emphasis {
  /** Years, both ends included. */
  readonly age?: readonly [low: number, high: number];
  readonly gender?: 'female' | 'male';
  readonly race?: string;
  /** What most taggers saw. */
  readonly expression?: string;
  readonly times: number;
}

/** In which order a source draws the faces of its parts: each part in a new random order each time round. */
export class Draws {
  readonly #orders = new Map<number, { epoch: number; order: Uint32Array }>();

  constructor(private readonly seed: number) {}

  /** The `position`-th of part `part`, whose faces are `indices`. */
  face(part: number, indices: Uint32Array, position: number): number {
    const epoch = Math.floor(position / indices.length);
    let current = this.#orders.get(part);
    if (current?.epoch !== epoch) {
      current = { epoch, order: new Random(this.seed, epoch, 0x7000 + part).permutation(indices.length) };
      this.#orders.set(part, current);
    }
    return at(indices, current.order[position % indices.length] ?? 0);
  }

  /**
   * The step that a source's state stands for.
   *
   * @throws {InvalidInputError} if it is that of another source
   */
  stepOf(state: unknown): number {
    const { step, seed } = (state ?? {}) as { step?: unknown; seed?: unknown };
    if (typeof step === 'number' && Number.isInteger(step) && step >= 0 && seed === this.seed) return step;
    throw new InvalidInputError('This is not the state of this batch source.', {
      expected: `a step and the seed ${this.seed}`,
      actual: JSON.stringify(state),
    });
  }
}

/** How often a face is among those drawn from: once, times each emphasis that it falls under. */
export const timesDrawn = (sample: FaceSample, emphasis: readonly Emphasis[]): number =>
  emphasis.reduce((times, group) => (fallsUnder(sample, group) ? times * group.times : times), 1);

function fallsUnder(sample: FaceSample, { age, gender, race, expression }: Emphasis): boolean {
  if (age && !(sample.age !== undefined && sample.age >= age[0] && sample.age <= age[1])) return false;
  if (gender && sample.gender !== gender) return false;
  if (race && sample.race !== race) return false;
  if (!expression) return true;
  const majority = sample.votes && expressionMajority(sample.votes);
  return majority !== undefined && EXPRESSIONS[majority] === expression;
}
