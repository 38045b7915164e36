import {
  type BatchNormWeights,
  type ChannelAttentionWeights,
  type ConvolutionShape,
  type LayerNormWeights,
  type LinearWeights,
  type Ops,
  pyramidBlocks,
  type RowSubnets,
  type SlidingWindow,
  type SqueezeExciteWeights,
  type WindowAttentionShape,
  windowedSides,
} from '../ops.js';
import type { HostTensor } from '../tensor.js';

interface Tensor {
  /** Shape for `maxFaces` faces. */
  readonly shape: readonly number[];
  /** Path of the weights that make it, e.g. "layers.2.blocks.0.attn.qkv". */
  readonly label: string;
}

/** A node of the recorded network: an operation of `Ops` and the nodes it reads. */
export type Node = Tensor &
  (
    | { readonly op: 'input' }
    | { readonly op: 'constant'; readonly tensor: HostTensor }
    | { readonly op: 'patchEmbed'; readonly x: Node; readonly weights: LinearWeights<Node> }
    | { readonly op: 'layerNorm'; readonly x: Node; readonly weights: LayerNormWeights<Node> }
    | { readonly op: 'linear'; readonly x: Node; readonly weights: LinearWeights<Node> }
    | { readonly op: 'gelu'; readonly x: Node }
    | { readonly op: 'relu'; readonly x: Node }
    | { readonly op: 'meanTokens'; readonly x: Node }
    | { readonly op: 'maxTokens'; readonly x: Node }
    | { readonly op: 'add'; readonly x: Node; readonly other: Node }
    | {
        readonly op: 'windowAttention';
        readonly x: Node;
        readonly table: Node;
        readonly geometry: WindowAttentionShape;
      }
    | { readonly op: 'mergePatches'; readonly x: Node; readonly size: number }
    | { readonly op: 'averagePool'; readonly x: Node; readonly size: number; readonly factor: number }
    | { readonly op: 'conv3x3'; readonly x: Node; readonly weight: Node; readonly size: number }
    | { readonly op: 'imageTokens'; readonly x: Node }
    | {
        readonly op: 'convolution';
        readonly x: Node;
        readonly weights: LinearWeights<Node>;
        readonly geometry: ConvolutionShape;
      }
    | { readonly op: 'prelu'; readonly x: Node; readonly slope: Node }
    | { readonly op: 'silu'; readonly x: Node }
    | { readonly op: 'maxPool'; readonly x: Node; readonly geometry: SlidingWindow }
    | { readonly op: 'padChannels'; readonly x: Node }
    | {
        readonly op: 'resizeBilinear';
        readonly x: Node;
        readonly from: readonly [number, number];
        readonly to: readonly [number, number];
      }
    | { readonly op: 'squeezeExcite'; readonly x: Node; readonly weights: SqueezeExciteWeights<Node> }
    | {
        readonly op: 'pyramidMax';
        readonly x: Node;
        readonly sides: readonly [number, number];
        readonly levels: number;
      }
    | { readonly op: 'concat'; readonly parts: readonly Node[] }
    | { readonly op: 'channelAttention'; readonly x: Node; readonly weights: ChannelAttentionWeights<Node> }
    | { readonly op: 'batchNorm'; readonly x: Node; readonly weights: BatchNormWeights<Node> }
    | { readonly op: 'taskOutputs'; readonly x: Node; readonly weights: LinearWeights<Node>; readonly rows: RowSubnets }
  );

/** A node of one operation. */
export type NodeOf<Op extends Node['op']> = Extract<Node, { readonly op: Op }>;

/** The computed nodes a node reads, weights aside. */
export function readsOf(node: Node): readonly Node[] {
  switch (node.op) {
    case 'input':
    case 'constant':
      return [];
    case 'add':
      return [node.x, node.other];
    case 'concat':
      return node.parts;
    default:
      return [node.x];
  }
}

/** How many nodes (outputs included) read each node that the outputs depend on. */
export function countUses(outputs: readonly Node[]): ReadonlyMap<Node, number> {
  const uses = new Map<Node, number>();
  const visit = (node: Node) => {
    const count = uses.get(node) ?? 0;
    uses.set(node, count + 1);
    if (count === 0) readsOf(node).forEach(visit);
  };
  outputs.forEach(visit);
  return uses;
}

const last = (shape: readonly number[]): number => shape[shape.length - 1] ?? 1;
const side = (shape: readonly number[], axis: number): number => shape[axis] ?? 1;

/** "layers.0.blocks.1.attn.qkv.weight" names the operation "layers.0.blocks.1.attn.qkv". */
const moduleOf = (weight: Node): string => weight.label.replace(/\.[^.]*$/, '');

/** Records the network as a graph of nodes; computes shapes and names, nothing else. */
export class RecordingOps implements Ops<Node> {
  input(shape: readonly number[]): Node {
    return { op: 'input', shape, label: 'input' };
  }

  constant(tensor: HostTensor, label: string): Node {
    return { op: 'constant', tensor, shape: tensor.shape, label };
  }

  patchEmbed(x: Node, weights: LinearWeights<Node>): Node {
    const [faces, , height, width] = x.shape as [number, number, number, number];
    const [channels, , patch] = weights.weight.shape as [number, number, number];
    const shape = [faces, (height / patch) * (width / patch), channels];
    return { op: 'patchEmbed', x, weights, shape, label: moduleOf(weights.weight) };
  }

  layerNorm(x: Node, weights: LayerNormWeights<Node>): Node {
    return { op: 'layerNorm', x, weights, shape: x.shape, label: moduleOf(weights.weight) };
  }

  linear(x: Node, weights: LinearWeights<Node>): Node {
    const outputs = side(weights.weight.shape, weights.weight.shape.length - 2);
    return { op: 'linear', x, weights, shape: [...x.shape.slice(0, -1), outputs], label: moduleOf(weights.weight) };
  }

  gelu(x: Node): Node {
    return { op: 'gelu', x, shape: x.shape, label: x.label };
  }

  relu(x: Node): Node {
    return { op: 'relu', x, shape: x.shape, label: x.label };
  }

  add(x: Node, other: Node): Node {
    return { op: 'add', x, other, shape: x.shape, label: other.label };
  }

  windowAttention(x: Node, table: Node, geometry: WindowAttentionShape): Node {
    const shape = [...x.shape.slice(0, -1), last(x.shape) / 3];
    return { op: 'windowAttention', x, table, geometry, shape, label: moduleOf(table) };
  }

  mergePatches(x: Node, size: number): Node {
    const [faces, tokens, channels] = x.shape as [number, number, number];
    return { op: 'mergePatches', x, size, shape: [faces, tokens / 4, 4 * channels], label: `${x.label}.merge` };
  }

  averagePool(x: Node, size: number, factor: number): Node {
    const [faces, , channels] = x.shape as [number, number, number];
    const shape = [faces, (size / factor) ** 2, channels];
    return { op: 'averagePool', x, size, factor, shape, label: `${x.label}.pool` };
  }

  meanTokens(x: Node): Node {
    return { op: 'meanTokens', x, shape: [...x.shape.slice(0, -2), last(x.shape)], label: x.label };
  }

  conv3x3(x: Node, weight: Node, size: number): Node {
    const [faces, tokens] = x.shape as [number, number];
    const [subnets, outputs] = weight.shape as [number, number];
    return { op: 'conv3x3', x, weight, size, shape: [subnets, faces, tokens, outputs], label: weight.label };
  }

  concat(parts: readonly Node[]): Node {
    const width = parts.reduce((sum, { shape }) => sum + last(shape), 0);
    const label = moduleOf(parts[0] as Node);
    return { op: 'concat', parts, shape: [...(parts[0] as Node).shape.slice(0, -1), width], label };
  }

  channelAttention(x: Node, weights: ChannelAttentionWeights<Node>): Node {
    const label = moduleOf({ ...weights.fc1.weight, label: moduleOf(weights.fc1.weight) });
    return { op: 'channelAttention', x, weights, shape: x.shape, label };
  }

  maxTokens(x: Node): Node {
    return { op: 'maxTokens', x, shape: [...x.shape.slice(0, -2), last(x.shape)], label: x.label };
  }

  batchNorm(x: Node, weights: BatchNormWeights<Node>): Node {
    return { op: 'batchNorm', x, weights, shape: x.shape, label: moduleOf(weights.weight) };
  }

  taskOutputs(x: Node, weights: LinearWeights<Node>, rows: RowSubnets): Node {
    const shape = [side(x.shape, 1), rows.length];
    return { op: 'taskOutputs', x, weights, rows, shape, label: moduleOf(weights.weight) };
  }

  imageTokens(x: Node): Node {
    const [faces, channels, height, width] = x.shape as [number, number, number, number];
    return { op: 'imageTokens', x, shape: [faces, height * width, channels], label: `${x.label}.tokens` };
  }

  convolution(x: Node, weights: LinearWeights<Node>, geometry: ConvolutionShape): Node {
    const [height, width] = windowedSides(geometry);
    const shape = [side(x.shape, 0), height * width, side(weights.weight.shape, 0)];
    return { op: 'convolution', x, weights, geometry, shape, label: moduleOf(weights.weight) };
  }

  prelu(x: Node, slope: Node): Node {
    return { op: 'prelu', x, slope, shape: x.shape, label: x.label };
  }

  silu(x: Node): Node {
    return { op: 'silu', x, shape: x.shape, label: x.label };
  }

  maxPool(x: Node, geometry: SlidingWindow): Node {
    const [height, width] = windowedSides(geometry);
    return {
      op: 'maxPool',
      x,
      geometry,
      shape: [side(x.shape, 0), height * width, last(x.shape)],
      label: `${x.label}.pool`,
    };
  }

  padChannels(x: Node, channels: number): Node {
    return { op: 'padChannels', x, shape: [...x.shape.slice(0, -1), channels], label: `${x.label}.pad` };
  }

  resizeBilinear(x: Node, from: readonly [number, number], to: readonly [number, number]): Node {
    const shape = [side(x.shape, 0), to[0] * to[1], last(x.shape)];
    return { op: 'resizeBilinear', x, from, to, shape, label: `${x.label}.resize` };
  }

  squeezeExcite(x: Node, weights: SqueezeExciteWeights<Node>): Node {
    const label = moduleOf({ ...weights.reduce.weight, label: moduleOf(weights.reduce.weight) });
    return { op: 'squeezeExcite', x, weights, shape: x.shape, label };
  }

  pyramidMax(x: Node, sides: readonly [number, number], levels: number): Node {
    const shape = [side(x.shape, 0), pyramidBlocks(sides, levels).length * last(x.shape)];
    return { op: 'pyramidMax', x, sides, levels, shape, label: `${x.label}.pyramid` };
  }

  dropPath(x: Node): Node {
    return x;
  }

  dropout(x: Node): Node {
    return x;
  }
}
