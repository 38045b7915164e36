import type { Timings } from '../types.js';

type Stage = Exclude<keyof Timings, 'total'>;

/** Milliseconds per stage of one picture, added up as they pass. */
export class Stopwatch {
  readonly #start = performance.now();
  readonly #stages: Record<Stage, number> = { decode: 0, locate: 0, warp: 0, network: 0, results: 0 };

  add(stage: Stage, milliseconds: number): void {
    this.#stages[stage] += milliseconds;
  }

  async time<R>(stage: Stage, work: () => R | Promise<R>): Promise<R> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.add(stage, performance.now() - start);
    }
  }

  read(): Timings {
    return { ...this.#stages, total: performance.now() - this.#start };
  }
}
