import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { checkpointPath, type RunState, readCheckpoint, writeCheckpoint } from '../engine/checkpoint.js';
import type { Optimizer } from '../engine/optimizer.js';
import type { TrainingStep } from '../engine/step.js';
import { writeWhole } from '../files/durable.js';
import { FolderLock } from '../files/lock.js';
import type { Recipe } from '../recipe/recipe.js';

/** The folder of a run: its recipe, and its checkpoint, written now and then. */
export class RunFolder {
  #saved = performance.now();

  private constructor(
    private readonly folder: string,
    private readonly interval: number,
    private readonly lock: FolderLock,
  ) {}

  /**
   * @param minutes between two checkpoints
   * @throws {InvalidInputError} if the folder holds a run that is not resumed, or another process trains in it
   */
  static async open(folder: string, resume: boolean, minutes: number): Promise<RunFolder> {
    const lock = await FolderLock.acquire(folder);
    if (!resume && existsSync(checkpointPath(folder))) {
      await lock.release();
      throw new InvalidInputError(`${folder} already holds a run.`, { hint: 'Resume it, or choose another folder.' });
    }
    return new RunFolder(folder, minutes * 60_000, lock);
  }

  get checkpoint(): string {
    return checkpointPath(this.folder);
  }

  async writeRecipe(recipe: Recipe): Promise<void> {
    await writeWhole(join(this.folder, 'recipe.json'), `${JSON.stringify(recipe, null, 2)}\n`);
  }

  /** Fills parameters and optimizer with what the checkpoint holds. */
  restore(step: TrainingStep, optimizer: Optimizer): Promise<RunState> {
    return readCheckpoint(this.checkpoint, step.store, optimizer);
  }

  async save(step: TrainingStep, optimizer: Optimizer, state: RunState): Promise<void> {
    await writeCheckpoint(this.checkpoint, step.store, optimizer, state);
    this.#saved = performance.now();
  }

  /** Lets other processes have the folder. */
  close(): Promise<void> {
    return this.lock.release();
  }

  /** Whether the last checkpoint is older than the interval. */
  get isDue(): boolean {
    return performance.now() - this.#saved > this.interval;
  }
}
