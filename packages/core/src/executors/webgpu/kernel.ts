import { InvalidInputError } from '../../errors.js';
import type { HostTensor } from '../../tensor.js';
import common from './kernels/common.wgsl?raw';

/** A tensor that kernels compute, float32; the memory plan decides which buffer it lives in and when. */
export interface Value {
  readonly kind: 'value';
  readonly label: string;
  /** Number of float32 elements for `maxFaces` faces. */
  readonly length: number;
}

/** A tensor known when the plan is compiled, in the layout its kernel wants. */
export interface Constant {
  readonly kind: 'constant';
  readonly label: string;
  /** Number of 4-byte elements. */
  readonly length: number;
  /** Writes the elements; `target` has 4 * length zeroed bytes. */
  fill(target: ArrayBuffer): void;
}

/** What stands at `@binding(i + 1)` of a kernel; `@binding(0)` is the number of faces, see `common.wgsl`. */
export type Binding =
  | { readonly access: 'uniform'; readonly resource: Constant }
  | { readonly access: 'read'; readonly resource: Value | Constant }
  | { readonly access: 'write'; readonly resource: Value };

/** How a kernel uses what stands at a binding. */
export type Access = Binding['access'];

/** One dispatch of a plan: what it reads and writes, and the ways to compute it. */
export interface Kernel {
  readonly label: string;
  readonly bindings: readonly Binding[];
  /** All give the same result; which is fastest is the device's affair. The first needs no optional feature. */
  readonly variants: readonly [Variant, ...Variant[]];
  /** What its constants are filled from, where that may still be on its way; nothing by default. */
  readonly weights?: readonly HostTensor[];
}

/** A way to compute a kernel. */
export interface Variant {
  /** Among the variants of a kernel; the same for kernels of other sizes. */
  readonly name: string;
  readonly shader: Shader;
  readonly entryPoint: string;
  /** The kernel's sizes are less than half of what the variant computes at a time: it is no default. */
  readonly oversized?: boolean;
  /** Values of the shader's `override`s. */
  readonly constants: Readonly<Record<string, number>>;
  /** How many workgroups compute this many faces. */
  workgroups(faces: number): number;
}

/** The pieces of a shader besides what all kernels share. */
export interface Shader {
  readonly sources: readonly string[];
  /** Optional features, which the device must have: language extensions of the same names. */
  readonly enable?: readonly ('subgroups' | 'shader-f16')[];
  /** Quads run loops of their own lengths: four alike, which the compiler cannot know. */
  readonly quadUniform?: boolean;
  /** Constants that WGSL wants before overrides are known (sizes of private arrays). */
  readonly prelude?: Readonly<Record<string, number>>;
}

/** Invocations per workgroup of the kernels that have no reason for another number. */
export const WORKGROUP = 64;

export const read = (resource: Value | Constant): Binding => ({ access: 'read', resource });
/** A uniform struct of u32 members, in the order of the shader's declaration. */
export const uniform = (label: string, members: Readonly<Record<string, number>>): Binding => {
  const values = Object.values(members);
  return {
    access: 'uniform',
    resource: { kind: 'constant', label, length: values.length, fill: (target) => new Uint32Array(target).set(values) },
  };
};
export const write = (resource: Value): Binding => ({ access: 'write', resource });

const EXTENSIONS = { subgroups: 'subgroups', 'shader-f16': 'f16' } as const;

/** The whole text of a shader. */
export function codeOf({ sources, enable = [], quadUniform = false, prelude = {} }: Shader): string {
  const directives = enable.map((feature) => `enable ${EXTENSIONS[feature]};\n`);
  if (quadUniform) directives.push('diagnostic(off, subgroup_uniformity);\n');
  const constants = Object.entries(prelude).map(([name, value]) => `const ${name}: u32 = ${value}u;\n`);
  return [...directives, ...constants, common, ...sources].join('');
}

/** The variant of a kernel that there is but one way to compute. */
export const only = (
  entryPoint: string,
  source: string,
  workgroups: Variant['workgroups'],
  constants: Variant['constants'] = {},
  prelude: NonNullable<Shader['prelude']> = {},
): readonly [Variant] => [{ name: 'only', shader: { sources: [source], prelude }, entryPoint, constants, workgroups }];

/** A constant made of float32 numbers. */
export const constant = (label: string, length: number, fill: (target: Float32Array) => void): Constant => ({
  kind: 'constant',
  label,
  length,
  fill: (target) => fill(new Float32Array(target)),
});

/** Vectors of four that hold a row; the last is filled up with zeros. */
export const vectors = (width: number): number => Math.ceil(width / 4);

/**
 * Vectors of four per row, for kernels to which zeros at its end would make a difference.
 *
 * @throws {InvalidInputError} if the width is not a multiple of four
 */
export function quarter(width: number, label: string): number {
  if (width % 4 !== 0) {
    throw new InvalidInputError(`The WebGPU kernels read four channels at a time (${label}).`, {
      expected: 'a config whose embed / heads, feature and embedding are multiples of 4',
      actual: `a width of ${width}`,
    });
  }
  return width / 4;
}

/** A dispatch of at least this many workgroups that keeps every dimension within the device's limit. */
export function foldDispatch(workgroups: number, limit: number): readonly [x: number, y: number] {
  const y = Math.ceil(workgroups / limit);
  return [Math.ceil(workgroups / y), y];
}
