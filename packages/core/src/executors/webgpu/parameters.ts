import { SwinFaceError } from '../../errors.js';
import type { Recipe } from '../../networks/network.js';
import type { HostTensor } from '../../tensor.js';

/** A weight whose shape is known and whose numbers may still be on their way, or gone again. */
export class Parameter implements HostTensor {
  readonly label: string;
  readonly recipe: Recipe;
  #source: ((name: string) => HostTensor) | undefined;
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
    if (!this.#source) throw new SwinFaceError('INTERNAL', `The weight ${this.label} is read when it is not here.`);
    this.#data = this.recipe.make(this.#source).data;
    return this.#data;
  }

  /** From now on the numbers can be read; they are made when they are. */
  arrive(source: (name: string) => HostTensor): void {
    this.#source = source;
  }

  /** Lets go of the numbers. */
  release(): void {
    this.#source = undefined;
    this.#data = undefined;
  }
}

export const isParameter = (value: HostTensor): value is Parameter => value instanceof Parameter;
