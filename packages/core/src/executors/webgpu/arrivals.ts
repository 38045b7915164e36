import { WeightsInvalidError } from '../../errors.js';
import { checkTensor, type Network, type WeightMap } from '../../networks/network.js';
import type { HostTensor } from '../../tensor.js';
import type { StoredWeights } from '../../weights/read.js';
import { decodeTensor, type StoredTensor } from '../../weights/safetensors.js';
import { isParameter } from './parameters.js';

/** Weights by checkpoint name as the engine takes them: all at once, all at once later, or shard by shard as they arrive. */
export type WeightsInput = WeightMap | PromiseLike<WeightMap> | AsyncIterable<StoredWeights>;

type Part = ReadonlyMap<string, HostTensor | StoredTensor>;

async function* partsOf(input: WeightsInput): AsyncGenerator<Part, void, undefined> {
  if (Symbol.asyncIterator in input) yield* input;
  else yield await input;
}

/**
 * Weights on their way to the kernels that are filled from them. The next part is taken only when a kernel waits for
 * something in it, so that no more is in memory than what is used next and what belongs to weights of which another piece
 * is missing. Stored tensors are widened when they are read.
 */
export class Arrivals {
  readonly #network: Network;
  readonly #parts: AsyncIterator<Part>;
  readonly #here = new Map<string, HostTensor | StoredTensor>();
  /** By tensor, how many weights still need it. */
  readonly #needed = new Map<string, number>();

  constructor(network: Network, input: WeightsInput) {
    this.#network = network;
    this.#parts = partsOf(input);
    for (const { sources } of network.weights.values()) {
      for (const source of sources.keys()) this.#needed.set(source, (this.#needed.get(source) ?? 0) + 1);
    }
  }

  /**
   * Settles when the numbers of these weights can be read.
   *
   * @throws {WeightsInvalidError} naming a tensor that is missing or misshapen
   * @throws what the input rejects with
   */
  async arrival(weights: readonly HostTensor[]): Promise<void> {
    for (const parameter of weights.filter(isParameter)) {
      for (const source of parameter.recipe.sources.keys()) await this.#arrivalOf(source);
      parameter.arrive((source) => this.#tensor(source));
    }
  }

  /** Lets go of numbers that no kernel reads again. */
  release(weights: readonly HostTensor[]): void {
    for (const parameter of weights.filter(isParameter)) {
      parameter.release();
      for (const source of parameter.recipe.sources.keys()) {
        const needed = (this.#needed.get(source) ?? 0) - 1;
        this.#needed.set(source, needed);
        if (needed === 0) this.#here.delete(source);
      }
    }
  }

  /** Called once everything has been released: takes what the input has left. */
  async end(): Promise<void> {
    while (await this.#take());
  }

  async #arrivalOf(source: string): Promise<void> {
    while (!this.#here.has(source)) {
      if (await this.#take()) continue;
      throw new WeightsInvalidError(`The weights end without the tensor ${source}.`, {
        hint: 'Read them for the outputs of the same network.',
      });
    }
    const tensor = this.#here.get(source);
    if (tensor && 'data' in tensor) checkTensor(this.#network, source, tensor);
  }

  /** @returns false where there are no more parts */
  async #take(): Promise<boolean> {
    const { done, value } = await this.#parts.next();
    if (done) return false;
    for (const [name, tensor] of value) if ((this.#needed.get(name) ?? 0) > 0) this.#here.set(name, tensor);
    return true;
  }

  #tensor(source: string): HostTensor {
    const tensor = this.#here.get(source);
    if (!tensor) throw new RangeError(`${source} is not here`);
    return 'data' in tensor ? tensor : decodeTensor(tensor);
  }
}
