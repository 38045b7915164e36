import type { Layout, Placement, Region } from './layout.js';
import type { PlannedStep } from './steps.js';

/** An output, as rows of numbers. */
export interface PlannedOutput {
  readonly region: Region;
  /** Per face. */
  readonly rows: number;
  readonly width: number;
  /** Numbers from one row to the next. */
  readonly stride: number;
}

/** The network as steps in the order they run, with everything in its place. */
export interface Plan {
  readonly steps: readonly PlannedStep[];
  readonly layout: Layout;
  readonly placement: Placement;
  readonly input: Region;
  /** In the order of the outputs asked for. */
  readonly outputs: readonly PlannedOutput[];
  /** Bytes of scratch memory that every step of it can do with. */
  readonly scratchBytes: number;
}
