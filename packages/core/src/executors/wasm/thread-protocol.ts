/**
 * What the threads and their pool agree upon. Apart from the pool, which names the threads' script: some bundlers never
 * finish with a script that names itself.
 */
import { type PlannedStep, partsFor } from './steps.js';

/** What a thread needs to know. */
export interface ThreadSetup {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly steps: readonly PlannedStep[];
  readonly threads: number;
  /** Address of this thread's own scratch memory. */
  readonly scratch: number;
  readonly control: SharedArrayBuffer;
  /** Whether this thread reports that all are done. */
  readonly first: boolean;
}

/** What a thread reports. */
export type ThreadMessage = 'ready' | 'done';

/** Places in the control words: number of the run, its faces, threads at the barrier, number of the barrier, next share of each step. */
export const CONTROL = { run: 0, faces: 1, arrived: 2, barrier: 3, next: 4 } as const;

/** Shares of a step among threads: a few for each, so that the quick ones help the slow ones. */
export const sharesFor = (step: PlannedStep, faces: number, threads: number): number =>
  Math.min(4 * threads, partsFor(step, faces, SHARE));

/** Least work of a share, in multiplications and additions: taking one costs nothing beside it. */
const SHARE = 2e6;
