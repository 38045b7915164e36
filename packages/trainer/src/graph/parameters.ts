import { type HostTensor, InvalidInputError, type ModelConfig, sizeOf, tensorShapes } from '@swinface/core';
import { Random } from '../data/random.js';

/** Where a tensor lies in a {@link ParameterStore}. */
export interface Segment {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
  /** Learnt by gradients; running statistics and what a recipe freezes are not. */
  readonly trainable: boolean;
  /** Shrunk by weight decay: matrices and filters, but no norms, biases or tables. */
  readonly decays: boolean;
}

/** Statistics of BatchNorm, which follow batches. */
export const isRunning = (name: string): boolean => /running_(mean|var)$/.test(name);

/** Whether a parameter follows gradients: neither running statistics nor what a recipe freezes do. */
export const isTrainable = (name: string, frozen: readonly string[]): boolean =>
  !isRunning(name) && !isFrozen(name, frozen);

/** Whether a recipe freezes a parameter or statistic: what `frozen` begins. */
export const isFrozen = (name: string, frozen: readonly string[]): boolean =>
  frozen.some((prefix) => isUnder(name, prefix));

const isUnder = (name: string, prefix: string) => name === prefix || name.startsWith(`${prefix}.`);

const decays = (name: string, shape: readonly number[]) =>
  shape.length > 1 && !/(bias|relative_position_bias_table)$/.test(name) && !/norm/.test(name);

/** All tensors of a model in one array, so that the optimiser is one loop. */
export class ParameterStore {
  readonly segments: ReadonlyMap<string, Segment>;
  readonly values: Float32Array;

  /**
   * @param frozen beginnings of the names of parameters that stay as they are
   * @throws {InvalidInputError} if nothing begins so
   */
  constructor(tensors: ReadonlyMap<string, HostTensor>, frozen: readonly string[] = []) {
    for (const prefix of frozen) {
      if (![...tensors.keys()].some((name) => isUnder(name, prefix))) {
        throw new InvalidInputError(`There is no parameter ${prefix} to freeze.`, {
          expected: `beginnings of ${[...tensors.keys()].slice(0, 3).join(', ')} ...`,
        });
      }
    }
    const segments = new Map<string, Segment>();
    let offset = 0;
    for (const [name, { shape }] of tensors) {
      const size = sizeOf(shape);
      const trainable = isTrainable(name, frozen);
      segments.set(name, { name, shape, offset, size, trainable, decays: trainable && decays(name, shape) });
      offset += size;
    }
    this.segments = segments;
    this.values = new Float32Array(offset);
    for (const [name, { data }] of tensors) this.view(name).set(data);
  }

  /** The part of `values` (or of an array laid out alike) that holds a tensor. */
  view(name: string, values: Float32Array = this.values): Float32Array {
    const segment = this.segments.get(name);
    if (!segment) throw new InvalidInputError(`There is no parameter ${name}.`);
    return values.subarray(segment.offset, segment.offset + segment.size);
  }

  /** Views of every tensor. */
  tensors(values: Float32Array = this.values): Map<string, HostTensor> {
    return new Map([...this.segments].map(([name, { shape }]) => [name, { shape, data: this.view(name, values) }]));
  }
}

/** Of a PReLU, as its authors begin (arXiv:1502.01852). */
const FIRST_SLOPE = 0.25;

/**
 * Weights to start training from. Matrices are normal with the variance that keeps signals the same size (doubled
 * before a ReLU); the last matrix of each residual branch is divided by the root of the number of branches; norms start
 * as identities, biases at zero.
 */
export function initialWeights(config: ModelConfig, seed: number): Map<string, HostTensor> {
  const branches = config.trunk
    ? config.trunk.stages.reduce((sum, { blocks }) => sum + blocks, 0)
    : 2 * config.depths.reduce((sum, depth) => sum + depth, 0);
  let index = 0;
  const weights = new Map<string, HostTensor>();
  for (const [name, shape] of tensorShapes(config)) {
    const random = new Random(seed, 0x1217, index++);
    const data = new Float32Array(sizeOf(shape));
    if (/running_var$|(norm\d?|feature\.[13])\.weight$/.test(name) && !name.startsWith('tss.')) data.fill(1);
    else if (name.endsWith('relative_position_bias_table')) fillNormal(data, random, 0.02);
    else if (name.endsWith('.slope')) data.fill(FIRST_SLOPE);
    else if (name.endsWith('.weight')) fillNormal(data, random, deviation(name, shape, branches));
    weights.set(name, { shape, data });
  }
  return weights;
}

function deviation(name: string, shape: readonly number[], branches: number): number {
  const fanIn = sizeOf(shape.slice(1));
  const beforeRelu = /conv\.convs|channel_attention\.mlp\.1|^tss|stem|expand|depthwise|\.top\./.test(name);
  const branchEnd = /attn\.proj|mlp\.fc2|project/.test(name);
  // Logits start near zero: no class is favoured before anything is learnt.
  const output = name.startsWith('om.');
  return Math.sqrt((beforeRelu ? 2 : 1) / fanIn) * (branchEnd ? Math.sqrt(1 / branches) : 1) * (output ? 0.1 : 1);
}

function fillNormal(data: Float32Array, random: Random, scale: number): void {
  for (let i = 0; i < data.length; i++) data[i] = random.normal() * scale;
}
