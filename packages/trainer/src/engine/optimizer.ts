import type { ParameterStore } from '../graph/parameters.js';
import type { OptimizerRecipe } from '../recipe/recipe.js';
import { Orthogonalizer } from './muon.js';

const EPSILON = 1e-8;

/** Of the matrices that Muon updates. */
const MOMENTUM = 0.95;

/** Share of the highest learning rate at `progress` in [0, 1]: linear warm-up, then half a cosine down to the minimum. */
export function learningRate(recipe: OptimizerRecipe, progress: number): number {
  const { learningRate: peak, minimum, warmUp } = recipe;
  if (progress < warmUp) return (peak * progress) / warmUp;
  const along = Math.min(1, (progress - warmUp) / Math.max(1e-9, 1 - warmUp));
  return minimum + (peak - minimum) * 0.5 * (1 + Math.cos(Math.PI * along));
}

/**
 * AdamW (arXiv:1711.05101) with gradients clipped by their global norm, and a moving average of everything; with an
 * orthogonaliser, Muon for the matrices that it handles, whose momentum is kept in `first`.
 */
export class Optimizer {
  readonly first: Float32Array;
  readonly second: Float32Array;
  /** Moving average of all values, running statistics included. */
  readonly average: Float32Array;
  /** Steps taken. */
  steps = 0;

  constructor(
    readonly store: ParameterStore,
    readonly recipe: OptimizerRecipe,
    readonly orthogonalizer?: Orthogonalizer,
  ) {
    const { length } = store.values;
    this.first = new Float32Array(length);
    this.second = new Float32Array(length);
    this.average = store.values.slice();
  }

  /** Global norm of the gradients; not finite as soon as one of them is not. */
  norm(gradients: ReadonlyMap<string, Float32Array>): number {
    let square = 0;
    for (const gradient of gradients.values()) {
      for (let i = 0; i < gradient.length; i++) square += (gradient[i] as number) * (gradient[i] as number);
    }
    return Math.sqrt(square);
  }

  /** One update; `norm` is that of `gradients`. */
  async step(gradients: ReadonlyMap<string, Float32Array>, norm: number, rate: number): Promise<void> {
    const { beta1, beta2, weightDecay, clip } = this.recipe;
    const { values, segments } = this.store;
    const { first, second } = this;
    this.steps++;
    const scale = norm > clip ? clip / norm : 1;
    const size = rate / (1 - beta1 ** this.steps);
    const correction = 1 / (1 - beta2 ** this.steps);
    await this.#stepMatrices(gradients, scale, rate);
    for (const [name, gradient] of gradients) {
      const segment = segments.get(name);
      if (!segment || this.orthogonalizer?.handles(name)) continue;
      const keep = segment.decays ? 1 - rate * weightDecay : 1;
      // Indices are bounded by the segment; see `norm`.
      for (let i = 0, at = segment.offset; i < gradient.length; i++, at++) {
        const g = (gradient[i] as number) * scale;
        const m = beta1 * (first[at] as number) + (1 - beta1) * g;
        const v = beta2 * (second[at] as number) + (1 - beta2) * g * g;
        first[at] = m;
        second[at] = v;
        values[at] = (values[at] as number) * keep - (size * m) / (Math.sqrt(v * correction) + EPSILON);
      }
    }
  }

  /** Nesterov momentum, made orthogonal. */
  async #stepMatrices(gradients: ReadonlyMap<string, Float32Array>, scale: number, rate: number): Promise<void> {
    const { orthogonalizer, store, recipe } = this;
    if (!orthogonalizer) return;
    const updates = await orthogonalizer.updates((name) => {
      const gradient = gradients.get(name) ?? new Float32Array(store.view(name).length);
      const momentum = store.view(name, this.first);
      const ahead = new Float32Array(gradient.length);
      for (let i = 0; i < gradient.length; i++) {
        const g = (gradient[i] as number) * scale;
        const m = MOMENTUM * (momentum[i] as number) + g;
        momentum[i] = m;
        ahead[i] = g + MOMENTUM * m;
      }
      return ahead;
    });
    for (const [name, update] of updates) {
      const values = store.view(name);
      const keep = 1 - rate * recipe.weightDecay;
      for (let i = 0; i < values.length; i++) {
        values[i] = (values[i] as number) * keep - rate * (update[i] as number);
      }
    }
  }

  async dispose(): Promise<void> {
    await this.orthogonalizer?.dispose();
  }

  /** Takes the values into their average; call once per step, after running statistics have moved too. */
  follow(): void {
    const decay = Math.min(this.recipe.averaging, (1 + this.steps) / (10 + this.steps));
    const { average } = this;
    const { values } = this.store;
    for (let i = 0; i < values.length; i++) {
      average[i] = decay * (average[i] as number) + (1 - decay) * (values[i] as number);
    }
  }
}

/** The optimiser that a recipe asks for. */
export async function createOptimizer(store: ParameterStore, recipe: OptimizerRecipe, threads = 0): Promise<Optimizer> {
  return new Optimizer(
    store,
    recipe,
    recipe.method === 'muon' ? await Orthogonalizer.create(store, threads) : undefined,
  );
}
