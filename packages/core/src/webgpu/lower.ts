import { InvalidInputError, SwinFaceError } from '../errors.js';
import type { LayerNormWeights, LinearWeights } from '../ops.js';
import { type HostTensor, sizeOf } from '../tensor.js';
import { countUses, type Node, type NodeOf } from './graph.js';
import type { Kernel, Value } from './kernel.js';
import { averagePool } from './kernels/average_pool.js';
import { channelAttentionPool } from './kernels/channel_attention_pool.js';
import { conv3x3 } from './kernels/conv3x3.js';
import { normMean } from './kernels/norm_mean.js';
import { patchEmbed } from './kernels/patch_embed.js';
import { product } from './kernels/product.js';
import { taskOutputs } from './kernels/task_outputs.js';
import { windowAttention } from './kernels/window_attention.js';
import type { Storage } from './storage.js';

/** The network as kernels in the order they run. */
export interface Plan {
  readonly kernels: readonly Kernel[];
  readonly input: Value;
  /** In the order of the outputs asked for. */
  readonly outputs: readonly Value[];
  readonly maxFaces: number;
}

export interface LowerOptions {
  readonly maxFaces: number;
  /** Of the big matrices: linear layers and convolutions. */
  readonly storage: Storage;
}

/**
 * Turns a recorded graph into kernels. Operations that only one other reads are drawn into its kernel:
 *
 *   layerNorm, mergePatches -> linear -> gelu | relu, or + residual     product
 *   patchEmbed -> layerNorm                                            patchEmbed
 *   layerNorm -> meanTokens                                            normMean
 *   conv3x3 ... -> concat                                              conv3x3 per part
 *   channelAttention -> relu -> maxTokens                              channelAttentionPool
 *
 * What SwinFace does not contain (a lone gelu, say) has no kernel and is refused.
 *
 * @throws {SwinFaceError} INTERNAL if an operation stands where no kernel computes it
 * @throws {InvalidInputError} if the weights are not folded or a width is not a multiple of four
 */
export function lower(input: Node, outputs: readonly Node[], options: LowerOptions): Plan {
  const lowering = new Lowering(outputs, options);
  const inputValue = lowering.bind(input);
  return {
    kernels: lowering.kernels,
    input: inputValue,
    outputs: outputs.map((node) => lowering.value(node)),
    maxFaces: options.maxFaces,
  };
}

class Lowering {
  readonly kernels: Kernel[] = [];
  readonly #values = new Map<Node, Value>();
  readonly #uses: ReadonlyMap<Node, number>;
  readonly #maxFaces: number;
  readonly #storage: Storage;
  readonly #taken: HostTensor[] = [];

  constructor(outputs: readonly Node[], { maxFaces, storage }: LowerOptions) {
    this.#uses = countUses(outputs);
    this.#maxFaces = maxFaces;
    this.#storage = storage;
  }

  /** Gives a node its value; whoever calls writes it. */
  bind(node: Node): Value {
    const value: Value = { kind: 'value', label: node.label, length: sizeOf(node.shape) };
    this.#values.set(node, value);
    return value;
  }

  /** The value of a node, computed by kernels added now unless it has been already. */
  value(node: Node): Value {
    const known = this.#values.get(node);
    if (known) return known;
    switch (node.op) {
      case 'add':
      case 'gelu':
      case 'relu':
      case 'linear':
        return this.#product(node);
      case 'layerNorm':
        return this.#patchEmbed(node);
      case 'meanTokens':
        return this.#normMean(node);
      case 'concat':
        return this.#convolutions(node);
      case 'maxTokens':
        return this.#channelAttentionPool(node);
      case 'windowAttention': {
        const qkv = this.value(node.x);
        const { label, shape, geometry } = node;
        const channels = shape[2] as number;
        const y = this.bind(node);
        return this.#add(windowAttention({ label, qkv, y, channels, table: this.#host(node.table), geometry }), y);
      }
      case 'averagePool': {
        const x = this.value(node.x);
        const { label, size, factor } = node;
        const y = this.bind(node);
        return this.#add(averagePool({ label, x, y, size, factor, channels: node.shape[2] as number }), y);
      }
      case 'taskOutputs': {
        const x = this.value(node.x);
        const { label, rows, weights } = node;
        const y = this.bind(node);
        const { weight, bias } = this.#linearHost(weights);
        return this.#add(taskOutputs({ label, x, y, maxFaces: this.#maxFaces, weight, bias, rows }), y);
      }
      case 'batchNorm':
        throw new InvalidInputError(`The BatchNorm ${node.label} is not folded.`, {
          hint: 'Pass foldWeights(weights) to the WebGPU engine.',
        });
      default:
        return refuse(node);
    }
  }

  /** Adds a kernel that is filled from the weights taken since the last. */
  #add(kernel: Kernel, y: Value): Value {
    this.kernels.push({ ...kernel, weights: this.#taken.splice(0) });
    return y;
  }

  /** Takes a weight for the kernel that is added next: after the values that it reads, which add kernels of their own. */
  #host(node: Node): HostTensor {
    if (node.op !== 'constant') return refuse(node);
    this.#taken.push(node.tensor);
    return node.tensor;
  }

  #linearHost({ weight, bias }: LinearWeights<Node>): LinearWeights<HostTensor> {
    return { weight: this.#host(weight), ...(bias ? { bias: this.#host(bias) } : {}) };
  }

  #normHost({ weight, bias }: LayerNormWeights<Node>): LayerNormWeights<HostTensor> {
    return { weight: this.#host(weight), bias: this.#host(bias) };
  }

  /** The node, if it is of that operation and nobody else reads it: then its work may move into its reader's kernel. */
  #absorb<Op extends Node['op']>(node: Node, op: Op): NodeOf<Op> | undefined {
    return isOp(node, op) && this.#uses.get(node) === 1 ? node : undefined;
  }

  #product(node: NodeOf<'add' | 'gelu' | 'relu' | 'linear'>): Value {
    let linear: NodeOf<'linear'> | undefined;
    let residual: Node | undefined;
    if (node.op === 'add') {
      linear = this.#absorb(node.other, 'linear');
      residual = node.x;
    } else {
      linear = node.op === 'linear' ? node : this.#absorb(node.x, 'linear');
    }
    if (!linear) return refuse(node);
    const norm = this.#absorb(linear.x, 'layerNorm');
    const merge = this.#absorb(norm ? norm.x : linear.x, 'mergePatches');
    const x = this.value(merge ? merge.x : norm ? norm.x : linear.x);
    const before = residual ? this.value(residual) : undefined;
    const { weight, bias } = this.#linearHost(linear.weights);
    const stacked = weight.shape.length === 3;
    const rows = sizeOf(linear.shape.slice(0, -1)) / (stacked ? (weight.shape[0] as number) : 1);
    const y = this.bind(node);
    const kernel = product({
      label: linear.label,
      x,
      y,
      maxFaces: this.#maxFaces,
      tokens: rows / this.#maxFaces,
      weight,
      ...(bias ? { bias } : {}),
      ...(norm ? { norm: this.#normHost(norm.weights) } : {}),
      ...(merge ? { mergedSize: merge.size } : {}),
      activation: node.op === 'gelu' || node.op === 'relu' ? node.op : 'none',
      ...(before ? { residual: before } : {}),
      storage: this.#storage,
    });
    return this.#add(kernel, y);
  }

  #patchEmbed(node: NodeOf<'layerNorm'>): Value {
    const embed = this.#absorb(node.x, 'patchEmbed');
    if (!embed) return refuse(node);
    const image = this.value(embed.x);
    const y = this.bind(node);
    const { weight, bias } = this.#linearHost(embed.weights);
    const size = embed.x.shape[2] as number;
    return this.#add(
      patchEmbed({ label: embed.label, image, y, size, weight, bias, norm: this.#normHost(node.weights) }),
      y,
    );
  }

  #normMean(node: NodeOf<'meanTokens'>): Value {
    const norm = this.#absorb(node.x, 'layerNorm');
    if (!norm) return refuse(node);
    const x = this.value(norm.x);
    const y = this.bind(node);
    const tokens = norm.shape[1] as number;
    return this.#add(normMean({ label: norm.label, x, y, tokens, norm: this.#normHost(norm.weights) }), y);
  }

  #channelAttentionPool(node: NodeOf<'maxTokens'>): Value {
    const relu = this.#absorb(node.x, 'relu');
    const attention = relu && this.#absorb(relu.x, 'channelAttention');
    if (!attention) return refuse(node);
    const x = this.value(attention.x);
    const y = this.bind(node);
    const { label, weights } = attention;
    const kernel = channelAttentionPool({
      label,
      x,
      y,
      maxFaces: this.#maxFaces,
      tokens: attention.shape[2] as number,
      fc1: this.#linearHost(weights.fc1),
      fc2: this.#linearHost(weights.fc2),
    });
    return this.#add(kernel, y);
  }

  /** Each convolution writes its channels of the concatenation. */
  #convolutions(concat: NodeOf<'concat'>): Value {
    const width = concat.shape[3] as number;
    const parts = concat.parts.map((part) => this.#absorb(part, 'conv3x3') ?? refuse(part));
    const inputs = parts.map((part) => this.value(part.x));
    const y = this.bind(concat);
    let offset = 0;
    parts.forEach((part, index) => {
      const { label, size, shape } = part;
      const x = inputs[index] as Value;
      const weight = this.#host(part.weight);
      const places = { label, x, y, maxFaces: this.#maxFaces, size, width, offset };
      this.#add(conv3x3({ ...places, weight, storage: this.#storage }), y);
      offset += shape[3] as number;
    });
    return y;
  }
}

function isOp<Op extends Node['op']>(node: Node, op: Op): node is NodeOf<Op> {
  return node.op === op;
}

function refuse(node: Node): never {
  throw new SwinFaceError('INTERNAL', `No WebGPU kernel computes ${node.op} (${node.label}) where it stands.`);
}
