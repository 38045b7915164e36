import type { OutputSelection } from '../config.js';
import { InvalidInputError, SwinFaceError } from '../errors.js';
import type { ModelWeights } from '../model.js';
import type { HostTensor } from '../tensor.js';
import { isHostTensor, mapWeights, type Recipe } from '../weights/assemble.js';
import { foldedRecipes } from '../weights/fold.js';

/** A weight whose shape is known and whose numbers may still be on their way. */
export class Parameter implements HostTensor {
  readonly shape: readonly number[];
  readonly #label: string;
  #data: Float32Array | undefined;

  constructor(shape: readonly number[], label: string) {
    this.shape = shape;
    this.#label = label;
  }

  get data(): Float32Array {
    if (!this.#data) throw new SwinFaceError('INTERNAL', `The weight ${this.#label} was read before it came.`);
    return this.#data;
  }

  fill(data: Float32Array): void {
    this.#data = data;
  }
}

const isParameter = (value: unknown): value is Parameter => value instanceof Parameter;
const isRecipe = (value: unknown): value is Recipe =>
  typeof value === 'object' && value !== null && 'make' in value && typeof value.make === 'function';

/** Every weight of a selection, folded, without its numbers: enough to record the network and compile its pipelines. */
export const parametersOf = (selection: OutputSelection): ModelWeights<Parameter> =>
  mapWeights(foldedRecipes(selection), isRecipe, ({ shape }, path) => new Parameter(shape, path));

/** The parameters' tensors with what `convert` makes of them, e.g. recorded. */
export const mapParameters = <T>(
  parameters: ModelWeights<Parameter>,
  convert: (parameter: Parameter, path: string) => T,
): ModelWeights<T> => mapWeights(parameters, isParameter, convert);

/**
 * Gives every parameter its numbers.
 *
 * @throws {InvalidInputError} naming the first tensor that is missing, misshapen or too many
 */
export function fillParameters(parameters: ModelWeights<Parameter>, weights: ModelWeights<HostTensor>): void {
  const tensors = new Map<string, HostTensor>();
  mapWeights(weights, isHostTensor, (tensor, path) => tensors.set(path, tensor));
  mapParameters(parameters, (parameter, path) => {
    const tensor = tensors.get(path);
    if (tensor?.shape.join() !== parameter.shape.join()) mismatch(path, parameter.shape, tensor?.shape);
    parameter.fill(tensor.data);
    tensors.delete(path);
  });
  for (const [path, { shape }] of tensors) mismatch(path, undefined, shape);
}

function mismatch(path: string, expected?: readonly number[], actual?: readonly number[]): never {
  throw new InvalidInputError(`The weights do not fit the selection: ${path}.`, {
    expected: expected ? `shape [${expected}]` : 'no such tensor',
    actual: actual ? `shape [${actual}]` : 'none',
    hint: 'Pass foldWeights(assembleWeights(selection, tensors)) with the same selection.',
  });
}
