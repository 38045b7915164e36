import { at } from '../at.js';
import { InvalidInputError, SwinFaceError } from '../errors.js';
import type { LayerNormWeights, LinearWeights } from '../ops.js';
import { type HostTensor, sizeOf } from '../tensor.js';
import {
  type Activation,
  type Epilogue,
  type FusedNode,
  type FusedProduct,
  inputsOf,
  type SubnetConvolution,
} from './fused.js';
import { countUses, type Node, type NodeOf } from './graph.js';

type FusedBody = FusedNode extends infer F ? (F extends FusedNode ? Omit<F, 'y' | 'tensors'> : never) : never;
type Rules = { readonly [Op in Node['op']]?: (node: NodeOf<Op>, fusing: Fusing) => FusedBody };

/**
 * Which recorded operations are computed together, by the last of them. An operation moves into the one that reads it
 * only if no other reads it.
 */
const RULES: Rules = {
  linear: (node, fusing) => sums(node, node, fusing),
  convolution: (node, fusing) => sums(node, node, fusing),
  add: (node, fusing) => sums(node, node, fusing),
  relu: (node, fusing) => sums(node, node.x, fusing, { kind: 'relu' }),
  gelu: (node, fusing) => sums(node, node.x, fusing, { kind: 'gelu' }),
  silu: (node, fusing) => sums(node, node.x, fusing, { kind: 'silu' }),
  prelu: (node, fusing) => sums(node, node.x, fusing, { kind: 'prelu', slopes: fusing.host(node.slope) }),
  imageTokens: ({ label, x }) => ({ op: 'imageTokens', label, x }),
  layerNorm: (node, fusing) => {
    const embed = fusing.sole(node.x, 'patchEmbed') ?? refuse(node);
    const { x, label, weights } = embed;
    return { op: 'patchEmbed', label, x, weights: fusing.linear(weights), layerNorm: fusing.norm(node.weights) };
  },
  meanTokens: (node, fusing) => {
    const norm = fusing.sole(node.x, 'layerNorm');
    if (!norm) return { op: 'meanTokens', label: node.label, x: node.x };
    return { op: 'normMean', label: norm.label, x: norm.x, layerNorm: fusing.norm(norm.weights) };
  },
  maxPool: ({ label, x, geometry }) => ({ op: 'maxPool', label, x, geometry }),
  padChannels: ({ label, x }) => ({ op: 'padChannels', label, x }),
  resizeBilinear: ({ label, x, from, to }) => ({ op: 'resizeBilinear', label, x, from, to }),
  squeezeExcite: ({ label, x, weights }, fusing) => {
    const [reduce, expand] = [fusing.linear(weights.reduce), fusing.linear(weights.expand)];
    return { op: 'squeezeExcite', label, x, weights: { reduce, expand } };
  },
  pyramidMax: ({ label, x, sides, levels }) => ({ op: 'pyramidMax', label, x, sides, levels }),
  windowAttention: ({ label, x, table, geometry }, fusing) => ({
    op: 'windowAttention',
    label,
    x,
    table: fusing.host(table),
    geometry,
  }),
  averagePool: ({ label, x, size, factor }) => ({ op: 'averagePool', label, x, size, factor }),
  concat: (node, fusing) => {
    let offset = 0;
    const parts = node.parts.map((part): SubnetConvolution => {
      const { label, x, weight, size, shape } = fusing.sole(part, 'conv3x3') ?? refuse(part);
      const convolution = { label, x, weight: fusing.host(weight), size, offset };
      offset += at(shape, 3);
      return convolution;
    });
    return { op: 'subnetConvolutions', label: node.label, parts };
  },
  maxTokens: (node, fusing) => {
    const relu = fusing.sole(node.x, 'relu') ?? refuse(node);
    const { label, x, weights } = fusing.sole(relu.x, 'channelAttention') ?? refuse(node);
    const [fc1, fc2] = [fusing.linear(weights.fc1), fusing.linear(weights.fc2)];
    return { op: 'channelAttentionPool', label, x, weights: { fc1, fc2 } };
  },
  taskOutputs: ({ label, x, weights, rows }, fusing) => ({
    op: 'taskOutputs',
    label,
    x,
    weights: fusing.linear(weights),
    rows,
  }),
  batchNorm: ({ label }) => {
    throw new InvalidInputError(`The BatchNorm ${label} is not folded.`, {
      hint: 'Record network.folded.',
    });
  },
};

/**
 * A product or a convolution with what stands after it; or that alone, where they have other readers.
 *
 * @param end the last operation
 * @param sum what the activation is applied to; `end` itself where there is none
 */
function sums(end: Node, sum: Node, fusing: Fusing, activation: Activation = { kind: 'none' }): FusedBody {
  const find = <Op extends Node['op']>(node: Node, op: Op) =>
    node === end ? fusing.same(node, op) : fusing.sole(node, op);
  const addition = find(sum, 'add');
  // Of two summands the one that was computed for this sum is drawn in: by convention the second, else the first.
  const candidates = addition ? [addition.other, addition.x] : [sum];
  for (const own of candidates) {
    const residual = candidates.find((other) => other !== own);
    const epilogue = { ...(residual ? { residual } : {}), activation };
    const linear = find(own, 'linear');
    if (linear) return { ...product(linear, fusing), ...epilogue };
    const convolution = find(own, 'convolution');
    if (convolution) {
      const { label, weights, geometry } = convolution;
      const picture = fusing.sole(convolution.x, 'imageTokens');
      const x = picture ? picture.x : convolution.x;
      const planes = picture !== undefined;
      return { op: 'convolution', label, x, planes, weights: fusing.linear(weights), geometry, ...epilogue };
    }
  }
  const [x, residual] = addition ? [addition.x, addition.other] : [sum];
  return { op: 'elementwise', label: end.label, x, ...(residual ? { residual } : {}), activation };
}

/** layerNorm, mergePatches -> linear */
function product(linear: NodeOf<'linear'>, fusing: Fusing): Omit<FusedProduct, 'y' | 'tensors' | keyof Epilogue> {
  const norm = fusing.sole(linear.x, 'layerNorm');
  const rows = norm ? norm.x : linear.x;
  const merge = fusing.sole(rows, 'mergePatches');
  const weights = fusing.linear(linear.weights);
  const [outputs = 1, subnets = 1] = [...weights.weight.shape].reverse().slice(1);
  return {
    op: 'product',
    label: linear.label,
    x: merge ? merge.x : rows,
    weights,
    ...(norm ? { layerNorm: fusing.norm(norm.weights) } : {}),
    ...(merge ? { mergedSize: merge.size } : {}),
    rows: sizeOf(linear.shape) / outputs / subnets,
  };
}

/** What the rules ask about the graph while one fused node is made, and the weights that they take for it. */
class Fusing {
  readonly tensors: HostTensor[] = [];
  readonly #uses: ReadonlyMap<Node, number>;

  constructor(uses: ReadonlyMap<Node, number>) {
    this.#uses = uses;
  }

  /** The node, if it is of that operation. */
  same<Op extends Node['op']>(node: Node, op: Op): NodeOf<Op> | undefined {
    return isOp(node, op) ? node : undefined;
  }

  /** The node, if it is of that operation and has one reader, into which it may then move. */
  sole<Op extends Node['op']>(node: Node, op: Op): NodeOf<Op> | undefined {
    return this.#uses.get(node) === 1 ? this.same(node, op) : undefined;
  }

  host(node: Node): HostTensor {
    if (node.op !== 'constant') return refuse(node);
    this.tensors.push(node.tensor);
    return node.tensor;
  }

  linear({ weight, bias }: LinearWeights<Node>): LinearWeights<HostTensor> {
    return { weight: this.host(weight), ...(bias ? { bias: this.host(bias) } : {}) };
  }

  norm({ weight, bias }: LayerNormWeights<Node>): LayerNormWeights<HostTensor> {
    return { weight: this.host(weight), bias: this.host(bias) };
  }
}

function isOp<Op extends Node['op']>(node: Node, op: Op): node is NodeOf<Op> {
  return node.op === op;
}

/** @throws {SwinFaceError} INTERNAL */
function refuse(node: Node): never {
  throw new SwinFaceError('INTERNAL', `No kernel computes ${node.op} (${node.label}) where it stands.`);
}

/**
 * For executors that have no kernel for a fused node, or for its activation.
 *
 * @throws {SwinFaceError} INTERNAL
 */
export function noKernel(executor: string, { label }: FusedNode, what: string): never {
  throw new SwinFaceError('INTERNAL', `${executor} has no kernel for ${what} (${label}).`);
}

/**
 * A recorded graph as the work that its outputs need, in an order in which everything is computed before it is read.
 *
 * @throws {SwinFaceError} INTERNAL if an operation stands where no rule fuses it
 * @throws {InvalidInputError} if the weights are not folded
 */
export function fuse(outputs: readonly Node[]): readonly FusedNode[] {
  const uses = countUses(outputs);
  const done = new Set<Node>();
  const fused: FusedNode[] = [];
  const visit = (node: Node) => {
    if (done.has(node) || node.op === 'input') return;
    done.add(node);
    const fusing = new Fusing(uses);
    const rule = RULES[node.op] as ((node: Node, fusing: Fusing) => FusedBody) | undefined;
    const made: FusedNode = { ...(rule ?? refuse)(node, fusing), y: node, tensors: fusing.tensors };
    inputsOf(made).forEach(visit);
    fused.push(made);
  };
  outputs.forEach(visit);
  return readUnpadded(fused, outputs);
}

/**
 * Lets sums read channels from where they are, instead of a copy with channels of zeros appended: to them what is not
 * there is zero. Copies without another reader go.
 */
function readUnpadded(fused: readonly FusedNode[], outputs: readonly Node[]): readonly FusedNode[] {
  const pads = new Map(fused.flatMap((piece) => (piece.op === 'padChannels' ? [[piece.y, piece.x]] : [])));
  const reading = fused.map((piece): FusedNode => {
    const residual = 'residual' in piece && piece.residual && pads.get(piece.residual);
    return residual ? { ...piece, residual } : piece;
  });
  const read = new Set([...outputs, ...reading.flatMap(inputsOf)]);
  return reading.filter(({ op, y }) => op !== 'padChannels' || read.has(y));
}
