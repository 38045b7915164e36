import { InvalidInputError } from '../errors.js';
import type { ModelWeights } from '../model.js';
import type { HostTensor } from '../tensor.js';
import { isHostTensor, mapWeights } from '../weights/assemble.js';
import type { StoredWeights } from '../weights/read.js';
import { decodeTensor, type StoredTensor } from '../weights/safetensors.js';
import { isParameter, mapParameters, mismatch, type Parameter } from './parameters.js';

/** Weights as the engine takes them: all at once, all at once later, or shard by shard as they arrive. */
export type WeightsInput =
  | ModelWeights<HostTensor>
  | PromiseLike<ModelWeights<HostTensor>>
  | AsyncIterable<StoredWeights>;

/** Weights on their way to the kernels that are filled from them. */
export interface WeightDelivery {
  /**
   * Settles when the numbers of these weights can be read.
   *
   * @throws {InvalidInputError} naming a tensor that is missing or too many
   * @throws what the input rejects with
   */
  arrival(weights: readonly HostTensor[]): Promise<void>;
  /** Lets go of numbers that nobody reads again. */
  release(weights: readonly HostTensor[]): void;
  /** Called once everything has been released: takes what the input has left. */
  end(): Promise<void>;
}

/** How the parameters of a network get their numbers. */
export function deliver(parameters: ModelWeights<Parameter>, input: WeightsInput): WeightDelivery {
  return Symbol.asyncIterator in input ? new InParts(parameters, input) : new AllAtOnce(parameters, input);
}

const release = (weights: readonly HostTensor[]): readonly Parameter[] => {
  const released = weights.filter(isParameter);
  for (const parameter of released) parameter.release();
  return released;
};

class AllAtOnce implements WeightDelivery {
  readonly #arrived: Promise<void>;

  constructor(
    parameters: ModelWeights<Parameter>,
    input: ModelWeights<HostTensor> | PromiseLike<ModelWeights<HostTensor>>,
  ) {
    this.#arrived = Promise.resolve(input).then((weights) => {
      const tensors = new Map<string, HostTensor>();
      mapWeights(weights, isHostTensor, (tensor, path) => tensors.set(path, tensor));
      mapParameters(parameters, (parameter, path) => {
        const tensor = tensors.get(path);
        if (tensor?.shape.join() !== parameter.shape.join()) mismatch(path, parameter.shape, tensor?.shape);
        parameter.arrive(() => tensor);
        tensors.delete(path);
      });
      for (const [path, { shape }] of tensors) mismatch(path, undefined, shape);
    });
    this.#arrived.catch(() => {}); // Told to whoever waits for it.
  }

  arrival(): Promise<void> {
    return this.#arrived;
  }

  release(weights: readonly HostTensor[]): void {
    release(weights);
  }

  async end(): Promise<void> {
    await this.#arrived;
  }
}

/**
 * Takes the next part only when a kernel waits for something in it, so that no more is in memory than what is used next
 * and what belongs to weights of which another piece is missing. Tensors are widened when they are read.
 */
class InParts implements WeightDelivery {
  readonly #parts: AsyncIterator<StoredWeights>;
  readonly #stored = new Map<string, StoredTensor>();
  /** By tensor, how many parameters still need it. */
  readonly #needed = new Map<string, number>();

  constructor(parameters: ModelWeights<Parameter>, input: AsyncIterable<StoredWeights>) {
    this.#parts = input[Symbol.asyncIterator]();
    mapParameters(parameters, ({ recipe }) => {
      for (const source of recipe.sources) this.#needed.set(source, (this.#needed.get(source) ?? 0) + 1);
    });
  }

  async arrival(weights: readonly HostTensor[]): Promise<void> {
    for (const parameter of weights.filter(isParameter)) {
      for (const source of parameter.recipe.sources) await this.#arrivalOf(source);
      parameter.arrive(() => parameter.recipe.make((source) => this.#tensor(source)));
    }
  }

  release(weights: readonly HostTensor[]): void {
    for (const { recipe } of release(weights)) {
      for (const source of recipe.sources) {
        const needed = (this.#needed.get(source) ?? 0) - 1;
        this.#needed.set(source, needed);
        if (needed === 0) this.#stored.delete(source);
      }
    }
  }

  async end(): Promise<void> {
    while (await this.#take());
  }

  async #arrivalOf(source: string): Promise<void> {
    while (!this.#stored.has(source)) {
      if (await this.#take()) continue;
      throw new InvalidInputError(`The weights end without the tensor ${source}.`, {
        hint: 'Read them for the outputs of the same selection.',
      });
    }
  }

  /** @returns false where there are no more parts */
  async #take(): Promise<boolean> {
    const { done, value } = await this.#parts.next();
    if (done) return false;
    for (const [name, tensor] of value) if ((this.#needed.get(name) ?? 0) > 0) this.#stored.set(name, tensor);
    return true;
  }

  #tensor(source: string): HostTensor {
    const stored = this.#stored.get(source);
    if (!stored) throw new RangeError(`${source} is not here`);
    return decodeTensor(stored);
  }
}
