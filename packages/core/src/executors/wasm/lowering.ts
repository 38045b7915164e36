import { InvalidInputError } from '../../errors.js';
import type { Node } from '../../graph/graph.js';
import { sizeOf } from '../../tensor.js';
import { Layout, type Region } from './layout.js';
import type { Plan } from './plan.js';
import { type Step, TILE_COLUMNS } from './steps.js';

/** Gives the address of a region, once everything is placed. */
export type AddressOf = (region: Region) => number;

/** A width with what fills its last vector of four. */
export const padded = (width: number): number => 4 * Math.ceil(width / 4);

/** Numbers in a row of a node's value. */
export const widthOf = ({ shape }: Node): number => shape[shape.length - 1] ?? 1;
const rowsOf = (node: Node): number => sizeOf(node.shape) / widthOf(node);

/**
 * Numbers from one row of a node's value to the next: rows are whole vectors of four, with zeros after their own numbers.
 * But pictures stay as they come, and logits as they go.
 */
export const strideOf = (node: Node): number =>
  (node.op === 'input' && node.shape.length === 4) || node.op === 'taskOutputs' ? widthOf(node) : padded(widthOf(node));

/** A plan under construction: what each operation adds its steps, constants and activations to. */
export class Lowering {
  readonly layout = new Layout();
  /** Items that one pass computes. */
  readonly capacity: number;
  /** Eight zeros: a bias of the register tile. */
  readonly zeros: Region;
  readonly #steps: { label: string; work: number; step: (at: AddressOf) => Step }[] = [];
  readonly #descriptions: ((at: AddressOf) => void)[] = [];
  readonly #values = new Map<Node, Region>();
  #scratch = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.zeros = this.layout.constant(4 * TILE_COLUMNS, () => {});
  }

  /** Gives a node's value its place. */
  bind(node: Node): Region {
    const region = this.layout.activation(4 * rowsOf(node) * strideOf(node));
    this.#values.set(node, region);
    return region;
  }

  /** The place of a value that is computed by now. */
  value(node: Node): Region {
    const region = this.#values.get(node);
    if (!region) throw new RangeError(`${node.label} is read before it is computed`);
    return region;
  }

  /** Gives the place of a node's value to others. */
  release(node: Node): void {
    this.layout.release(this.value(node));
  }

  /**
   * Adds a step.
   *
   * @param work multiplications and additions per item, roughly
   * @param scratch bytes of scratch memory that each thread needs for it
   */
  step(label: string, work: number, step: (at: AddressOf) => Step, scratch = 0): void {
    this.#steps.push({ label, work, step });
    this.#scratch = Math.max(this.#scratch, scratch);
  }

  /** A kernel's description in memory; its addresses are known only once everything is placed. */
  description(members: (at: AddressOf) => readonly number[]): Region {
    let values: readonly number[] = [];
    this.#descriptions.push((at) => {
      values = members(at);
    });
    const count = members(() => 0).length;
    return this.layout.constant(4 * count, (target) => {
      values.forEach((value, i) => {
        // Only fractions are floats: a scale of one does not occur.
        if (Number.isInteger(value)) target.setInt32(4 * i, value, true);
        else target.setFloat32(4 * i, value, true);
      });
    });
  }

  plan(input: Region, outputs: readonly Node[]): Plan {
    const placement = this.layout.place();
    for (const describe of this.#descriptions) describe(placement.addressOf);
    return {
      steps: this.#steps.map(({ label, work, step }) => ({ label, work, step: step(placement.addressOf) })),
      layout: this.layout,
      placement,
      input,
      outputs: outputs.map((node) => ({
        region: this.value(node),
        rows: rowsOf(node) / this.capacity,
        width: widthOf(node),
        stride: strideOf(node),
      })),
      scratchBytes: this.#scratch,
    };
  }
}

/** @throws {InvalidInputError} naming the operation, unless the width is a multiple of four */
export function multipleOfFour(width: number, label: string): void {
  if (width % 4 === 0) return;
  throw new InvalidInputError(`The WebAssembly kernels read four channels at a time (${label}).`, {
    expected: 'a config whose embed / heads, feature and embedding are multiples of 4',
    actual: `a width of ${width}`,
  });
}
