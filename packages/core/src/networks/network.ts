import { describeValue, isBranded, isObject, requireInput } from '@swinface/geometry';
import { WeightsInvalidError } from '../errors.js';
import type { Ops } from '../ops.js';
import { type HostTensor, sizeOf } from '../tensor.js';

/** Sides of a tensor. */
export type Shape = readonly number[];

/** Tensors by checkpoint name. */
export type WeightMap = ReadonlyMap<string, HostTensor>;

/** One result of a network. */
export interface NetworkOutput {
  readonly name: string;
  /** Of one item of the batch. */
  readonly shape: Shape;
}

/** A network as data and one function: what every executor compiles. */
export interface Network {
  readonly name: string;
  /** The picture it reads, RGB in [-1, 1]: [B, channels, height, width]. */
  readonly input: { readonly channels: number; readonly height: number; readonly width: number };
  /** What it gives, in this order. */
  readonly outputs: readonly NetworkOutput[];
  /** Checkpoint tensors that it needs, in checkpoint order. */
  readonly tensors: ReadonlyMap<string, Shape>;
  /** Its weights by path, e.g. "layers.2.blocks.0.attn.qkv.weight", and how each is made from checkpoint tensors. */
  readonly weights: ReadonlyMap<string, Recipe>;
  /** The same with everything multiplied out that is affine at inference: what engines compile. Itself where it is. */
  readonly folded: Network;
  /** For people who open an exported graph: what its outputs mean, as texts by key. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The part of the network that a tensor belongs to; a part is wanted or not wanted as a whole. */
  partOf(tensor: string): string;
  /**
   * Computes, or records, the outputs.
   *
   * @param weight gives the weight of a path
   * @param image [B, channels, height, width]
   * @returns the outputs by name
   */
  forward<T>(ops: Ops<T>, weight: (path: string) => T, image: T): Readonly<Record<string, T>>;
}

/** How a weight of a network is made from the checkpoint's tensors. */
export interface Recipe {
  readonly shape: Shape;
  /** Checkpoint tensors that it is made from, with their shapes. */
  readonly sources: ReadonlyMap<string, Shape>;
  /** True where it is its sources' rows one after another, so that they can be had back from it. */
  readonly verbatim: boolean;
  /** @param tensor gives a source by name */
  make(tensor: (source: string) => HostTensor): HostTensor;
}

/** A record of weights with something else in the place of each recipe. */
export type Bound<W, T> = W extends Recipe ? T : { readonly [Part in keyof W]: Bound<W[Part], T> };

const isRecipe = (value: unknown): value is Recipe =>
  typeof value === 'object' && value !== null && 'make' in value && typeof value.make === 'function';

function walk<T>(value: unknown, path: string, convert: (recipe: Recipe, path: string) => T): unknown {
  if (isRecipe(value)) return convert(value, path);
  const child = (key: string | number) => (path === '' ? String(key) : `${path}.${key}`);
  if (Array.isArray(value)) return value.map((entry, index) => walk(entry, child(index), convert));
  const parts = Object.entries(value as Record<string, unknown>);
  return Object.fromEntries(parts.map(([key, entry]) => [key, walk(entry, child(key), convert)]));
}

/** The record with a weight in the place of each recipe. */
export function bind<W, T>(record: W, weight: (path: string, recipe: Recipe) => T): Bound<W, T> {
  return walk(record, '', (recipe, path) => weight(path, recipe)) as Bound<W, T>;
}

/** The recipes of a record by path. */
export function recipesOf(record: unknown): ReadonlyMap<string, Recipe> {
  const recipes = new Map<string, Recipe>();
  walk(record, '', (recipe, path) => recipes.set(path, recipe));
  return recipes;
}

/** @throws {InvalidInputError} unless this is a network */
export function requireNetwork(network: unknown): asserts network is Network {
  const usable =
    isObject(network) &&
    typeof network.name === 'string' &&
    typeof network.forward === 'function' &&
    isBranded(network.tensors, 'Map') &&
    isBranded(network.weights, 'Map');
  requireInput(usable, 'The argument "network"', 'a network, as networkOf gives', network);
}

function requireTensors(name: string, tensors: unknown): asserts tensors is WeightMap {
  requireInput(isBranded(tensors, 'Map'), `The argument "${name}"`, 'a Map of tensors by name', tensors);
}

/**
 * A network's weights by path, made from checkpoint tensors. Tensors that it does not need are not looked at.
 *
 * @throws {WeightsInvalidError} if a tensor is missing or has another shape
 * @throws {InvalidInputError} if this is no network or no Map
 */
export function arrange(network: Network, tensors: WeightMap): ReadonlyMap<string, HostTensor> {
  requireNetwork(network);
  requireTensors('tensors', tensors);
  const tensor = (name: string) => checkTensor(network, name, tensors.get(name));
  return new Map([...network.weights].map(([path, recipe]) => [path, recipe.make(tensor)]));
}

/**
 * A checkpoint tensor that is what the network needs.
 *
 * @throws {WeightsInvalidError} if it is missing or has another shape
 */
export function checkTensor({ name: network, tensors }: Network, name: string, tensor?: HostTensor): HostTensor {
  const shape = tensors.get(name);
  const isTensor = isObject(tensor) && Array.isArray(tensor.shape) && isBranded(tensor.data, 'Float32Array');
  if (isTensor && shape?.join() === tensor.shape.join() && tensor.data.length === sizeOf(shape)) return tensor;
  throw new WeightsInvalidError(`The weights do not fit ${network}: ${name}.`, {
    expected: shape ? `shape [${shape.join(', ')}]` : 'no such tensor',
    actual: isTensor
      ? `shape [${tensor.shape.join(', ')}], ${tensor.data.length} numbers`
      : tensor === undefined
        ? 'none'
        : describeValue(tensor),
  });
}

/**
 * The checkpoint's tensors again: the inverse of {@link arrange}, for a network that is not folded. They are views.
 *
 * @throws {WeightsInvalidError} if a weight is missing or too short
 * @throws {InvalidInputError} if this is no network or no Map
 */
export function disarrange(network: Network, weights: ReadonlyMap<string, HostTensor>): Map<string, HostTensor> {
  requireNetwork(network);
  requireTensors('weights', weights);
  const found = new Map<string, HostTensor>();
  for (const [path, { sources, verbatim }] of network.weights) {
    const data = weights.get(path)?.data;
    const needed = [...sources.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
    if (!verbatim || !isBranded(data, 'Float32Array') || data?.length !== needed) {
      throw new WeightsInvalidError(`The tensors of ${path} cannot be had back.`, {
        expected: `${needed} numbers of a network that is not folded`,
        actual: data ? `${data.length} numbers` : 'none',
      });
    }
    let offset = 0;
    for (const [name, shape] of sources) {
      found.set(name, { shape, data: data.subarray(offset, offset + sizeOf(shape)) });
      offset += sizeOf(shape);
    }
  }
  return new Map([...network.tensors.keys()].map((name) => [name, found.get(name)] as const).filter(isFound));
}

const isFound = (entry: readonly [string, HostTensor | undefined]): entry is [string, HostTensor] =>
  entry[1] !== undefined;

/** What stands under a name that must be there. */
export function pick<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name);
  if (found === undefined) throw new RangeError(`There is no ${name}`);
  return found;
}
