import type { Items, Kernels } from './module.js';

/** Rows and columns of the register tile; `assembly/tile.ts`. */
export const TILE_ROWS = 6;
/** See {@link TILE_ROWS}. */
export const TILE_COLUMNS = 8;

/** Kernels whose items do not depend on each other. */
type ItemKernel = Exclude<keyof Kernels, 'product'>;
type ArgumentsOf<Kernel> = Kernel extends Items<infer Arguments> ? Arguments : never;

/** A kernel of items with its addresses and sizes. */
export type ItemStep = {
  readonly [Op in ItemKernel]: {
    readonly op: Op;
    readonly args: ArgumentsOf<Kernels[Op]>;
    /** Items per face. */
    readonly items: number;
  };
}[ItemKernel];

/** One kernel with its addresses, as plain data; what it computes is split into parts that do not depend on each other. */
export type Step =
  | ItemStep
  | {
      readonly op: 'product';
      /** Address of its description, see `assembly/product.ts`. */
      readonly at: number;
      /** Rows per face. */
      readonly tokens: number;
      /** Panels of columns, of all subnets. */
      readonly panels: number;
    };

/** A step, and what it costs. */
export interface PlannedStep {
  readonly label: string;
  readonly step: Step;
  /** Multiplications and additions per face, roughly. */
  readonly work: number;
}

/** How many parts of about `size` multiplications and additions a step has. */
export const partsFor = ({ work }: PlannedStep, faces: number, size: number): number =>
  Math.max(1, Math.ceil((work * faces) / size));

/** Computes share `part` of `parts` of a step for some faces. */
export function runStep(
  kernels: Kernels,
  step: Step,
  faces: number,
  part: number,
  parts: number,
  scratch: number,
): void {
  const share = (items: number): [begin: number, end: number] => [
    Math.floor((items * part) / parts),
    Math.floor((items * (part + 1)) / parts),
  ];
  if (step.op === 'product') {
    const { at, tokens, panels } = step;
    const tiles = Math.ceil((faces * tokens) / TILE_ROWS);
    // Few rows are read again by every part, many columns by none twice; with many rows it is the other way round.
    if (tiles >= 8 * parts) kernels.product(at, faces, ...share(tiles), 0, panels, scratch);
    else kernels.product(at, faces, 0, tiles, ...share(panels), scratch);
    return;
  }
  const kernel = kernels[step.op] as Items<readonly number[]>;
  kernel(...step.args, ...share(faces * step.items), scratch);
}
