import type { ModelConfig, OutputSelection } from '../config.js';
import { WeightsInvalidError } from '../errors.js';
import type { BlockWeights, ModelWeights } from '../model.js';
import type { BatchNormWeights, LayerNormWeights, LinearWeights } from '../ops.js';
import { type HostTensor, sizeOf } from '../tensor.js';
import { tensorShapes } from './names.js';

/** Tensors by checkpoint name. */
export type WeightMap = ReadonlyMap<string, HostTensor>;

type Shape = readonly number[];

const stackedShape = (shapes: readonly Shape[]): Shape => [shapes.length, ...(shapes[0] as Shape)];
const joinedShape = (shapes: readonly Shape[]): Shape => {
  const [, ...rest] = shapes[0] as Shape;
  return [shapes.reduce((rows, shape) => rows + (shape[0] as number), 0), ...rest];
};

/** The tensors one after another, under a shape that their shapes make. */
function lay(tensors: readonly HostTensor[], join: (shapes: readonly Shape[]) => Shape): HostTensor {
  const shape = join(tensors.map((tensor) => tensor.shape));
  const data = new Float32Array(sizeOf(shape));
  let offset = 0;
  for (const tensor of tensors) {
    data.set(tensor.data, offset);
    offset += tensor.data.length;
  }
  return { shape, data };
}

/** Where a network's tensors come from by checkpoint name, and how several become one. */
interface Source<T> {
  has(name: string): boolean;
  get(name: string): T | undefined;
  /** [...] each -> [S, ...] */
  stack(tensors: readonly T[]): T;
  /** [rows, ...] each -> [sum of rows, ...] */
  concatRows(tensors: readonly T[]): T;
}

/**
 * Arranges named tensors as the record that `swinFace` takes: selected subnets stacked, task outputs joined.
 * Tensors that the selection does not need are not looked at.
 *
 * @throws {WeightsInvalidError} if a needed tensor is missing
 */
export function assembleWeights(selection: OutputSelection, weights: WeightMap): ModelWeights<HostTensor> {
  return arrange(selection, {
    has: (name) => weights.has(name),
    get: (name) => weights.get(name),
    stack: (tensors) => lay(tensors, stackedShape),
    concatRows: (tensors) => lay(tensors, joinedShape),
  });
}

/** One weight of a network before its numbers are here: its shape, and how it comes from the checkpoint's tensors. */
export interface Recipe {
  readonly shape: Shape;
  /** Checkpoint names of the tensors that it is made from. */
  readonly sources: readonly string[];
  readonly make: (tensor: (source: string) => HostTensor) => HostTensor;
}

/** The record that {@link assembleWeights} makes for a selection, with recipes in the place of tensors. */
export function assembledRecipes(selection: OutputSelection): ModelWeights<Recipe> {
  const shapes = tensorShapes(selection.config);
  const several = (parts: readonly Recipe[], join: (shapes: readonly Shape[]) => Shape): Recipe => ({
    shape: join(parts.map(({ shape }) => shape)),
    sources: parts.flatMap(({ sources }) => sources),
    make: (tensor) =>
      lay(
        parts.map(({ make }) => make(tensor)),
        join,
      ),
  });
  return arrange<Recipe>(selection, {
    has: (name) => shapes.has(name),
    get: (name) => ({ shape: shapes.get(name) ?? [], sources: [name], make: (tensor) => tensor(name) }),
    stack: (parts) => several(parts, stackedShape),
    concatRows: (parts) => several(parts, joinedShape),
  });
}

function arrange<T>(selection: OutputSelection, source: Source<T>): ModelWeights<T> {
  const { config } = selection;
  const tensor = (name: string): T => {
    const found = source.get(name);
    if (!found) throw new WeightsInvalidError(`The tensor ${name} is missing.`);
    return found;
  };
  const linear = (name: string): LinearWeights<T> =>
    source.has(`${name}.bias`)
      ? { weight: tensor(`${name}.weight`), bias: tensor(`${name}.bias`) }
      : { weight: tensor(`${name}.weight`) };
  const layerNorm = (name: string): LayerNormWeights<T> => ({
    weight: tensor(`${name}.weight`),
    bias: tensor(`${name}.bias`),
  });
  const batchNorm = (name: string): BatchNormWeights<T> => ({
    ...layerNorm(name),
    running_mean: tensor(`${name}.running_mean`),
    running_var: tensor(`${name}.running_var`),
  });
  const stacked = (name: (subnet: number) => string): T =>
    source.stack(selection.subnets.map((subnet) => tensor(name(subnet))));
  const stackedLinear = (name: (subnet: number) => string): LinearWeights<T> => ({
    weight: stacked((s) => `${name(s)}.weight`),
    bias: stacked((s) => `${name(s)}.bias`),
  });

  return {
    patch_embed: { proj: linear('backbone.patch_embed.proj'), norm: layerNorm('backbone.patch_embed.norm') },
    layers: stages(config, linear, layerNorm, tensor),
    ...(selection.recognition
      ? {
          recognition: {
            norm: layerNorm('backbone.norm'),
            feature: [
              linear('backbone.feature.0'),
              batchNorm('backbone.feature.1'),
              linear('backbone.feature.2'),
              batchNorm('backbone.feature.3'),
            ],
          },
        }
      : {}),
    ...(selection.tasks.length > 0
      ? {
          subnets: {
            convs: [0, 1, 2, 3].map((level) => stacked((s) => `fam.nets.${s}.conv.convs.${level}.weight`)) as [
              T,
              T,
              T,
              T,
            ],
            channel_attention: {
              fc1: stackedLinear((s) => `fam.nets.${s}.channel_attention.mlp.1`),
              fc2: stackedLinear((s) => `fam.nets.${s}.channel_attention.mlp.3`),
            },
            norm: {
              weight: stacked((s) => `fam.nets.${s}.norm.weight`),
              bias: stacked((s) => `fam.nets.${s}.norm.bias`),
              running_mean: stacked((s) => `fam.nets.${s}.norm.running_mean`),
              running_var: stacked((s) => `fam.nets.${s}.norm.running_var`),
            },
            tss: [
              stackedLinear((s) => `tss.nets.${s}.feature.0`),
              stackedLinear((s) => `tss.nets.${s}.feature.3`),
            ] as const,
            output_fcs: {
              weight: source.concatRows(selection.tasks.map(({ index }) => tensor(`om.output_fcs.${index}.weight`))),
              bias: source.concatRows(selection.tasks.map(({ index }) => tensor(`om.output_fcs.${index}.bias`))),
            },
          },
        }
      : {}),
  };
}

function stages<T>(
  config: ModelConfig,
  linear: (name: string) => LinearWeights<T>,
  layerNorm: (name: string) => LayerNormWeights<T>,
  tensor: (name: string) => T,
): ModelWeights<T>['layers'] {
  return config.depths.map((depth, stage) => {
    const layer = `backbone.layers.${stage}`;
    const blocks = Array.from({ length: depth }, (_, b): BlockWeights<T> => {
      const block = `${layer}.blocks.${b}`;
      return {
        norm1: layerNorm(`${block}.norm1`),
        attn: {
          relative_position_bias_table: tensor(`${block}.attn.relative_position_bias_table`),
          qkv: linear(`${block}.attn.qkv`),
          proj: linear(`${block}.attn.proj`),
        },
        norm2: layerNorm(`${block}.norm2`),
        mlp: { fc1: linear(`${block}.mlp.fc1`), fc2: linear(`${block}.mlp.fc2`) },
      };
    });
    if (stage === 3) return { blocks };
    return {
      blocks,
      downsample: { norm: layerNorm(`${layer}.downsample.norm`), reduction: linear(`${layer}.downsample.reduction`) },
    };
  });
}

/**
 * The same record with every tensor replaced, e.g. uploaded.
 *
 * @param convert receives each tensor and its path, e.g. "layers.2.blocks.0.attn.qkv.weight", "subnets.tss.1.bias"
 */
export function mapWeights<A, B>(
  weights: ModelWeights<A>,
  isTensor: (value: unknown) => value is A,
  convert: (tensor: A, path: string) => B,
): ModelWeights<B> {
  const walk = (value: unknown, path: string): unknown => {
    if (isTensor(value)) return convert(value, path);
    const child = (key: string) => (path === '' ? key : `${path}.${key}`);
    if (Array.isArray(value)) return value.map((entry, index) => walk(entry, child(String(index))));
    return Object.fromEntries(
      Object.entries(value as Record<string, unknown>).map(([key, entry]) => [key, walk(entry, child(key))]),
    );
  };
  return walk(weights, '') as ModelWeights<B>;
}

/** Whether a value is a {@link HostTensor}; for {@link mapWeights}. */
export const isHostTensor = (value: unknown): value is HostTensor =>
  typeof value === 'object' && value !== null && 'data' in value && value.data instanceof Float32Array;
