import { noKernel } from '../../graph/fuse.js';
import type { FusedNode, FusedProduct } from '../../graph/fused.js';
import type { Node } from '../../graph/graph.js';
import { sizeOf } from '../../tensor.js';
import { type Kernel, type Value, vectors } from './kernel.js';
import { averagePool } from './kernels/average_pool.js';
import { channelAttentionPool } from './kernels/channel_attention_pool.js';
import { conv3x3 } from './kernels/conv3x3.js';
import { kit } from './kernels/kit.js';
import { normMean } from './kernels/norm_mean.js';
import { patchEmbed } from './kernels/patch_embed.js';
import { product } from './kernels/product.js';
import { taskOutputs } from './kernels/task_outputs.js';
import { windowAttention } from './kernels/window_attention.js';
import type { Convolutional, Lowering, LowerOptions } from './lowering.js';
import type { Storage } from './storage.js';

/** The network as kernels in the order they run. */
export interface Plan {
  readonly kernels: readonly Kernel[];
  readonly input: Value;
  /** In the order of the outputs asked for. */
  readonly outputs: readonly Value[];
  readonly maxFaces: number;
}

/** Numbers of a row of a node's value. */
export const widthOf = ({ shape }: Node): number => shape[shape.length - 1] ?? 1;

/**
 * Rows are whole vectors of four, filled up with zeros. But pictures stay as they come, and what is written number by
 * number has no gaps.
 */
export const isFilledUp = (node: Node): boolean =>
  widthOf(node) % 4 !== 0 && !(node.op === 'input' && node.shape.length === 4) && !/taskOutputs|concat/.test(node.op);

/** Whether work can only be done by the kernels of convolutional networks, which are loaded where they are needed. */
export const isConvolutional = (fused: readonly FusedNode[], outputs: readonly Node[]): boolean =>
  outputs.some(isFilledUp) || fused.some(({ op }) => !(op in LOWER));

/**
 * Turns the work of a recorded graph into kernels.
 *
 * @param convolutional where {@link isConvolutional}
 * @throws {SwinFaceError} INTERNAL if an operation stands where no kernel computes it
 * @throws {InvalidInputError} if a width is not a multiple of four where it has to be
 */
export function lower(
  input: Node,
  outputs: readonly Node[],
  fused: readonly FusedNode[],
  options: LowerOptions,
  convolutional?: Convolutional,
): Plan {
  const values = new Map<Node, Value>();
  const bind = (node: Node): Value => {
    const width = widthOf(node);
    const length = isFilledUp(node) ? (sizeOf(node.shape) / width) * 4 * vectors(width) : sizeOf(node.shape);
    const bound: Value = { kind: 'value', label: node.label, length };
    values.set(node, bound);
    return bound;
  };
  const inputValue = bind(input);
  const lowering: Lowering = { ...options, kit, value: (node) => values.get(node) ?? bind(node) };
  const kernels = fused.flatMap((piece): readonly Kernel[] => {
    const own = LOWER[piece.op] as ((piece: FusedNode, lowering: Lowering) => readonly Kernel[]) | undefined;
    const made = own?.(piece, lowering) ?? convolutional?.lowerConvolutional(piece, lowering);
    // Of several kernels each says by itself which weights it is filled from.
    const weights = made?.length === 1 ? { weights: piece.tensors } : {};
    return (made ?? noKernel('WebGPU', piece, piece.op)).map((kernel) => ({ ...weights, ...kernel }));
  });
  const dense = outputs.map((node) => {
    const filledUp = lowering.value(node);
    const made = isFilledUp(node)
      ? convolutional?.denseRows(kit, filledUp, widthOf(node), options.maxFaces)
      : undefined;
    if (made) kernels.push(made.kernel);
    return made?.y ?? filledUp;
  });
  return { kernels, input: inputValue, outputs: dense, maxFaces: options.maxFaces };
}

/**
 * The subnets' layers have BatchNorms multiplied into them, whose means are many times what the features vary by: what int8
 * rounds away of such a matrix, the bias no longer takes back. They are small, and stay exact.
 */
const storageOf = ({ weight }: FusedProduct['weights'], { storage }: Pick<LowerOptions, 'storage'>): Storage =>
  storage === 'int8' && weight.shape.length === 3 ? 'f32' : storage;

type Lowerers = {
  readonly [Op in FusedNode['op']]?: (
    fused: Extract<FusedNode, { readonly op: Op }>,
    lowering: Lowering,
  ) => readonly Kernel[];
};

const LOWER: Lowerers = {
  product: ({ label, x, y, weights, layerNorm, mergedSize, residual, rows, activation }, { value, ...options }) => [
    product({
      label,
      x: value(x),
      y: value(y),
      tokens: rows / options.maxFaces,
      ...options,
      storage: storageOf(weights, options),
      ...weights,
      ...(layerNorm ? { norm: layerNorm } : {}),
      ...(mergedSize === undefined ? {} : { mergedSize }),
      ...(residual ? { residual: value(residual), residualWidth: widthOf(residual) } : {}),
      activation,
    }),
  ],
  patchEmbed: ({ label, x, y, weights, layerNorm }, { value }) => {
    const [, , size = 0] = x.shape;
    return [patchEmbed({ label, image: value(x), y: value(y), size, ...weights, norm: layerNorm })];
  },
  normMean: ({ label, x, y, layerNorm }, { value }) => {
    const [, tokens = 0] = x.shape;
    return [normMean({ label, x: value(x), y: value(y), tokens, norm: layerNorm })];
  },
  windowAttention: ({ label, x, y, table, geometry }, { value }) => [
    windowAttention({ label, qkv: value(x), y: value(y), channels: widthOf(y), table, geometry }),
  ],
  averagePool: ({ label, x, y, size, factor }, { value }) => [
    averagePool({ label, x: value(x), y: value(y), size, factor, channels: widthOf(y) }),
  ],
  subnetConvolutions: ({ y, parts }, { value, ...options }) =>
    parts.map(({ label, x, weight, size, offset }) => ({
      ...conv3x3({ label, x: value(x), y: value(y), size, weight, width: widthOf(y), offset, ...options }),
      weights: [weight],
    })),
  channelAttentionPool: ({ label, x, y, weights }, { value, maxFaces }) => {
    const [, , tokens = 0] = x.shape;
    return [channelAttentionPool({ label, x: value(x), y: value(y), maxFaces, tokens, ...weights })];
  },
  taskOutputs: ({ label, x, y, weights, rows }, { value, maxFaces }) => [
    taskOutputs({ label, x: value(x), y: value(y), maxFaces, ...weights, rows }),
  ],
};
