import type { OutputSelection } from '../config.js';
import { InvalidInputError, SwinFaceError } from '../errors.js';
import type { ModelWeights } from '../model.js';
import type { HostTensor } from '../tensor.js';
import { mapWeights, type Recipe } from '../weights/assemble.js';
import { foldedRecipes } from '../weights/fold.js';

/** A weight whose shape is known and whose numbers may still be on their way, or gone again. */
export class Parameter implements HostTensor {
  readonly label: string;
  readonly recipe: Recipe;
  #make: (() => HostTensor) | undefined;
  #data: Float32Array | undefined;

  constructor(recipe: Recipe, label: string) {
    this.recipe = recipe;
    this.label = label;
  }

  get shape(): readonly number[] {
    return this.recipe.shape;
  }

  get data(): Float32Array {
    if (this.#data) return this.#data;
    if (!this.#make) throw new SwinFaceError('INTERNAL', `The weight ${this.label} is read when it is not here.`);
    const { shape, data } = this.#make();
    if (shape.join() !== this.shape.join()) mismatch(this.label, this.shape, shape);
    this.#data = data;
    return data;
  }

  /** From now on the numbers can be read; they are made when they are. */
  arrive(make: () => HostTensor): void {
    this.#make = make;
  }

  /** Lets go of the numbers. */
  release(): void {
    this.#make = undefined;
    this.#data = undefined;
  }
}

export const isParameter = (value: unknown): value is Parameter => value instanceof Parameter;
const isRecipe = (value: unknown): value is Recipe =>
  typeof value === 'object' && value !== null && 'make' in value && typeof value.make === 'function';

/** Every weight of a selection, folded, without its numbers: enough to record the network and compile its pipelines. */
export const parametersOf = (selection: OutputSelection): ModelWeights<Parameter> =>
  mapWeights(foldedRecipes(selection), isRecipe, (recipe, path) => new Parameter(recipe, path));

/** The parameters' record with what `convert` makes of them, e.g. recorded. */
export const mapParameters = <T>(
  parameters: ModelWeights<Parameter>,
  convert: (parameter: Parameter, path: string) => T,
): ModelWeights<T> => mapWeights(parameters, isParameter, convert);

/** @throws {InvalidInputError} */
export function mismatch(path: string, expected?: readonly number[], actual?: readonly number[]): never {
  throw new InvalidInputError(`The weights do not fit the selection: ${path}.`, {
    expected: expected ? `shape [${expected}]` : 'no such tensor',
    actual: actual ? `shape [${actual}]` : 'none',
    hint: 'Pass foldWeights(assembleWeights(selection, tensors)) with the same selection.',
  });
}
