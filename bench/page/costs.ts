import {
  type ChannelAttentionWeights,
  type ConvolutionShape,
  type LayerNormWeights,
  type LinearWeights,
  type Network,
  type Ops,
  pyramidBlocks,
  type RowSubnets,
  type SlidingWindow,
  type SqueezeExciteWeights,
  sizeOf,
  type WindowAttentionShape,
  windowedSides,
} from '@swinface/core';

/** Work and compulsory traffic of one module of the network. */
export interface Cost {
  /** Path of its weights, e.g. "layers.2.blocks.0.attn.qkv", as kernels are labelled. */
  readonly label: string;
  /** Multiplications and additions. */
  readonly flops: number;
  /** Every input, weight and output once, in float32. */
  readonly bytes: number;
}

interface Node {
  readonly shape: readonly number[];
  readonly label: string;
}

const last = ({ shape }: Node): number => shape[shape.length - 1] ?? 1;
const side = ({ shape }: Node, axis: number): number => shape[axis] ?? 1;
const moduleOf = (weight: Node): string => weight.label.replace(/\.[^.]*$/, '');

/**
 * The network's arithmetic and traffic, counted by walking it. What an engine may fuse away (LayerNorm, activations, residual
 * sums, rearrangements) counts nothing: a lower bound on work and traffic, so that no engine looks better than it is.
 */
class CountingOps implements Ops<Node> {
  readonly costs: Cost[] = [];

  #count(label: string, flops: number, read: readonly Node[], written: Node): Node {
    const elements = [...read, written].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    this.costs.push({ label, flops, bytes: 4 * elements });
    return written;
  }

  patchEmbed(image: Node, { weight }: LinearWeights<Node>): Node {
    const [faces, , height] = image.shape as [number, number, number];
    const [channels, colours, patch] = weight.shape as [number, number, number];
    const tokens = (height / patch) ** 2;
    const label = moduleOf(weight);
    const y = { shape: [faces, tokens, channels], label };
    return this.#count(label, 2 * faces * tokens * channels * colours * patch ** 2, [image, weight], y);
  }

  layerNorm(x: Node, { weight }: LayerNormWeights<Node>): Node {
    return { shape: x.shape, label: moduleOf(weight) };
  }

  linear(x: Node, { weight }: LinearWeights<Node>): Node {
    const label = moduleOf(weight);
    const outputs = side(weight, weight.shape.length - 2);
    const y = { shape: [...x.shape.slice(0, -1), outputs], label };
    return this.#count(label, 2 * sizeOf(y.shape) * last(x), [x, weight], y);
  }

  gelu(x: Node): Node {
    return x;
  }

  relu(x: Node): Node {
    return x;
  }

  add(_: Node, b: Node): Node {
    return b;
  }

  windowAttention(qkv: Node, table: Node, { window }: WindowAttentionShape): Node {
    const label = moduleOf(table);
    const y = { shape: [...qkv.shape.slice(0, -1), last(qkv) / 3], label };
    return this.#count(label, 4 * sizeOf(y.shape) * window ** 2, [qkv, table], y);
  }

  mergePatches(x: Node): Node {
    return { shape: [side(x, 0), side(x, 1) / 4, 4 * last(x)], label: x.label };
  }

  averagePool(x: Node, size: number, factor: number): Node {
    const y = { shape: [side(x, 0), (size / factor) ** 2, last(x)], label: `${x.label}.pool` };
    return this.#count(y.label, sizeOf(x.shape), [x], y);
  }

  meanTokens(x: Node): Node {
    return this.#count(x.label, sizeOf(x.shape), [x], { shape: [side(x, 0), last(x)], label: x.label });
  }

  conv3x3(x: Node, weight: Node): Node {
    const [subnets, outputs, inputs] = weight.shape as [number, number, number];
    const y = { shape: [subnets, side(x, 0), side(x, 1), outputs], label: weight.label };
    return this.#count(weight.label, 18 * sizeOf(y.shape) * inputs, [x, weight], y);
  }

  concat(parts: readonly Node[]): Node {
    const first = parts[0] as Node;
    return {
      shape: [...first.shape.slice(0, -1), parts.reduce((sum, part) => sum + last(part), 0)],
      label: first.label,
    };
  }

  channelAttention(x: Node, { fc1, fc2 }: ChannelAttentionWeights<Node>): Node {
    const label = moduleOf({ ...fc1.weight, label: moduleOf(fc1.weight) });
    const faces = side(x, 1);
    const flops = 3 * sizeOf(x.shape) + 4 * faces * (sizeOf(fc1.weight.shape) + sizeOf(fc2.weight.shape));
    this.#count(label, flops, [x, fc1.weight, fc2.weight], { shape: [side(x, 0), faces, last(x)], label });
    return { shape: x.shape, label };
  }

  maxTokens(x: Node): Node {
    return { shape: [...x.shape.slice(0, -2), last(x)], label: x.label };
  }

  batchNorm(x: Node): Node {
    return x;
  }

  taskOutputs(x: Node, { weight }: LinearWeights<Node>, rows: RowSubnets): Node {
    const label = moduleOf(weight);
    const y = { shape: [side(x, 1), rows.length], label };
    return this.#count(label, 2 * sizeOf(y.shape) * last(x), [x, weight], y);
  }

  imageTokens(image: Node): Node {
    return { shape: [side(image, 0), side(image, 2) * side(image, 3), side(image, 1)], label: image.label };
  }

  convolution(x: Node, { weight }: LinearWeights<Node>, shape: ConvolutionShape): Node {
    const label = moduleOf(weight);
    const [height, width] = windowedSides(shape);
    const y = { shape: [side(x, 0), height * width, side(weight, 0)], label };
    return this.#count(label, (2 * sizeOf(y.shape) * sizeOf(weight.shape)) / side(weight, 0), [x, weight], y);
  }

  prelu(x: Node): Node {
    return x;
  }

  silu(x: Node): Node {
    return x;
  }

  maxPool(x: Node, window: SlidingWindow): Node {
    const [height, width] = windowedSides(window);
    const y = { shape: [side(x, 0), height * width, last(x)], label: `${x.label}.pool` };
    return this.#count(y.label, sizeOf(y.shape) * window.kernel[0] * window.kernel[1], [x], y);
  }

  padChannels(x: Node, channels: number): Node {
    return { shape: [...x.shape.slice(0, -1), channels], label: x.label };
  }

  resizeBilinear(x: Node, _: readonly [number, number], to: readonly [number, number]): Node {
    const y = { shape: [side(x, 0), to[0] * to[1], last(x)], label: `${x.label}.resize` };
    return this.#count(y.label, 8 * sizeOf(y.shape), [x], y);
  }

  squeezeExcite(x: Node, { reduce, expand }: SqueezeExciteWeights<Node>): Node {
    const label = moduleOf({ ...reduce.weight, label: moduleOf(reduce.weight) });
    const flops = 2 * sizeOf(x.shape) + 2 * side(x, 0) * (sizeOf(reduce.weight.shape) + sizeOf(expand.weight.shape));
    return this.#count(label, flops, [x, reduce.weight, expand.weight], { shape: x.shape, label });
  }

  pyramidMax(x: Node, sides: readonly [number, number], levels: number): Node {
    const y = { shape: [side(x, 0), pyramidBlocks(sides, levels).length * last(x)], label: `${x.label}.pyramid` };
    return this.#count(y.label, levels * sizeOf(x.shape), [x], y);
  }

  dropPath(x: Node): Node {
    return x;
  }

  dropout(x: Node): Node {
    return x;
  }
}

/** Cost of each module for this many faces, in the order of the network. */
export function countCosts(network: Network, faces: number): readonly Cost[] {
  const ops = new CountingOps();
  const { channels, height, width } = network.input;
  const weight = (path: string): Node => ({ shape: network.weights.get(path)?.shape ?? [], label: path });
  network.forward(ops, weight, { shape: [faces, channels, height, width], label: 'input' });
  return ops.costs;
}
