import type { Kernels } from './module.js';

/** Rows and columns of the register tile; `assembly/tile.ts`. */
export const TILE_ROWS = 6;
/** See {@link TILE_ROWS}. */
export const TILE_COLUMNS = 8;

/** One kernel with its addresses, as plain data; what it computes is split into items that do not depend on each other. */
export type Step =
  | {
      readonly op: 'product';
      /** Address of its description, see `assembly/product.ts`. */
      readonly at: number;
      /** Rows per face. */
      readonly tokens: number;
      /** Panels of columns, of all subnets. */
      readonly panels: number;
    }
  | { readonly op: 'attention'; readonly at: number; readonly items: number }
  | {
      readonly op: 'layerNorm';
      readonly args: readonly [x: number, width: number, weight: number, bias: number];
      readonly items: number;
    }
  | {
      readonly op: 'normMean';
      readonly args: readonly [x: number, y: number, tokens: number, width: number, weight: number, bias: number];
      readonly items: number;
    }
  | {
      readonly op: 'averagePool';
      readonly args: readonly [x: number, y: number, size: number, factor: number, width: number];
      readonly items: number;
    }
  | {
      readonly op: 'channelAttentionPool';
      readonly args: readonly [
        x: number,
        y: number,
        subnets: number,
        tokens: number,
        width: number,
        hidden: number,
        capacity: number,
        fc1: number,
        bias1: number,
        fc2: number,
        bias2: number,
      ];
      readonly items: number;
    }
  | {
      readonly op: 'taskOutputs';
      readonly args: readonly [
        x: number,
        y: number,
        width: number,
        capacity: number,
        outputs: number,
        weight: number,
        bias: number,
        subnetOf: number,
      ];
      readonly items: number;
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
  switch (step.op) {
    case 'product': {
      const { at, tokens, panels } = step;
      const tiles = Math.ceil((faces * tokens) / TILE_ROWS);
      // Few rows are packed again by everyone, many columns are nobody's twice; with many rows it is the other way round.
      if (tiles >= 8 * parts) kernels.product(at, faces, ...share(tiles), 0, panels, scratch);
      else kernels.product(at, faces, 0, tiles, ...share(panels), scratch);
      return;
    }
    case 'attention':
      kernels.attention(step.at, ...share(faces * step.items), scratch);
      return;
    case 'layerNorm':
      kernels.layerNorm(...step.args, ...share(faces * step.items));
      return;
    case 'normMean':
      kernels.normMean(...step.args, ...share(faces * step.items), scratch);
      return;
    case 'averagePool':
      kernels.averagePool(...step.args, ...share(faces * step.items));
      return;
    case 'channelAttentionPool':
      kernels.channelAttentionPool(...step.args, ...share(faces * step.items), scratch);
      return;
    case 'taskOutputs':
      kernels.taskOutputs(...step.args, ...share(faces * step.items));
      return;
  }
}
