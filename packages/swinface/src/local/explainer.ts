import { cropTransform, type FivePoints, type UprightImage } from '@swinface/alignment';
import { warpImage } from '@swinface/alignment/warp';
import { type Engine, InvalidInputError, type RawOutputs, rawOutputs, type WeightMap } from '@swinface/core';
import { explainTask } from '@swinface/core/explain';
import type { Backend, Model } from '../backends/backend.js';
import type { CropGroup } from '../backends/crops.js';
import { loadWeights } from '../backends/weights.js';
import type { FaceExplanation, TaskExplanation } from '../types.js';

/** A second network that keeps the feature maps, for one face at a time; made when the first explanation is asked for. */
interface Opened {
  readonly weights: WeightMap;
  /** One per crop group that has tasks, on the backend that it was made for. */
  readonly engines: ReadonlyMap<CropGroup, Engine>;
}

/** Explains answers on demand. The first call loads weights and compiles engines, which stay until `dispose`. */
export class Explainer {
  #opened: { readonly backend: Backend; readonly parts: Promise<Opened> } | undefined;

  constructor(
    private readonly model: Model,
    private readonly groups: readonly CropGroup[],
  ) {}

  /**
   * @param backend that computes now; after the loss of a device, another one
   * @param tasks names, all offered by a group
   * @throws {InvalidInputError} if a task is not computed by this analyzer
   */
  async explain(
    backend: Backend,
    image: UprightImage,
    points: FivePoints,
    tasks: readonly string[],
    signal: AbortSignal,
  ): Promise<FaceExplanation> {
    const wanted = tasks.map((task) => ({ task, group: this.#groupOf(task) }));
    const { weights, engines } = await this.#open(backend, signal);
    const levels = new Map<CropGroup, NonNullable<RawOutputs['levels']>>();
    const explanations: TaskExplanation[] = [];
    for (const { task, group } of wanted) {
      signal.throwIfAborted();
      const sourceToCrop = cropTransform(points, group.zoom);
      let maps = levels.get(group);
      if (!maps) {
        const results = await engines.get(group)?.run(warpImage(image, [sourceToCrop]), 1);
        maps = rawOutputs(results ?? {}, 1).levels;
        if (!maps) throw new RangeError('The engine gave no feature maps');
        levels.set(group, maps);
      }
      const { config } = group.selection;
      explanations.push({ ...explainTask(config, weights, [...maps], task), sourceToCrop });
    }
    return { points, explanations };
  }

  #groupOf(task: string): CropGroup {
    const group = this.groups.find(({ selection }) => selection.tasks.some((entry) => entry.task.name === task));
    if (group) return group;
    throw new InvalidInputError(`This analyzer computes no ${task} to explain.`, {
      expected: this.groups.flatMap(({ selection }) => selection.tasks.map((entry) => entry.task.name)).join(', '),
      actual: task,
    });
  }

  async #open(backend: Backend, signal: AbortSignal): Promise<Opened> {
    if (this.#opened?.backend !== backend) {
      this.dispose();
      const parts = this.#make(backend, signal);
      this.#opened = { backend, parts };
      parts.catch(() => {
        if (this.#opened?.parts === parts) this.#opened = undefined;
      });
    }
    return this.#opened.parts;
  }

  async #make(backend: Backend, signal: AbortSignal): Promise<Opened> {
    const { model, groups } = this;
    const weights = await loadWeights({ model, groups, maxFaces: 1, signal });
    const engines = new Map<CropGroup, Engine>();
    for (const group of groups) {
      if (group.selection.tasks.length > 0) {
        engines.set(group, await backend.openWithLevels(group.selection, weights, signal));
      }
    }
    return { weights, engines };
  }

  dispose(): void {
    this.#opened?.parts
      .then(({ engines }) => {
        for (const engine of engines.values()) engine.dispose();
      })
      .catch(() => undefined);
    this.#opened = undefined;
  }
}
