import { at } from '../../at.js';
import { inverseOrder, mergeOrder, relativePositions, shiftMask, windowOrder } from '../../graph/windows.js';
import {
  BATCH_NORM_EPSILON,
  type BatchNormWeights,
  type ChannelAttentionWeights,
  type ConvolutionShape,
  LAYER_NORM_EPSILON,
  type LayerNormWeights,
  type LinearWeights,
  type Ops,
  pyramidBlocks,
  type RowSubnets,
  type SlidingWindow,
  type SqueezeExciteWeights,
  type WindowAttentionShape,
  windowedSides,
} from '../../ops.js';
import type { OnnxGraph, OnnxValue } from './graph.js';
import * as p from './primitives.js';

type V = OnnxValue;
type Sides = [number, number, number, number];

/** A side scaled by a whole number or its inverse; -1 (batch-dependent) stays -1. */
const times = (side: number, factor: number) => (side === -1 ? -1 : side * factor);

/**
 * Writes the network into an ONNX graph. Whatever moves tokens is a Gather by a constant permutation, which every
 * execution provider runs as plain copies; masks are additive constants.
 */
export class OnnxOps implements Ops<OnnxValue> {
  /** Token maps of convolutional networks as [B, C, H, W], by the name of their tokens: what follows need not turn them back. */
  readonly #maps = new Map<string, V>();

  constructor(readonly graph: OnnxGraph) {}

  patchEmbed(image: V, { weight, bias }: LinearWeights<V>): V {
    const { graph } = this;
    const [faces, inputs, height, width] = image.shape as Sides;
    const [outputs, , patch] = weight.shape as Sides;
    const rows = height / patch;
    const columns = width / patch;
    const split = p.reshape(graph, image, [faces, inputs, rows, patch, columns, patch]);
    const patches = p.transpose(graph, split, [0, 2, 4, 1, 3, 5]); // [B, rows, columns, 3, p, p]
    const flat = p.reshape(graph, patches, [faces, rows * columns, inputs * patch * patch]);
    const matrix = p.reshape(graph, weight, [outputs, inputs * patch * patch]);
    return this.linear(flat, bias ? { weight: matrix, bias } : { weight: matrix });
  }

  layerNorm(x: V, weights: LayerNormWeights<V>): V {
    return p.layerNormalization(this.graph, x, weights, LAYER_NORM_EPSILON);
  }

  linear(x: V, { weight, bias }: LinearWeights<V>): V {
    const { graph } = this;
    const map = this.#maps.get(x.name);
    if (map && weight.shape.length === 2) return this.#pointwise(map, weight, bias);
    const product = p.matMul(graph, x, p.transposeLast(graph, weight));
    if (!bias) return product;
    if (weight.shape.length === 2) return p.add(graph, product, bias);
    const [subnets, outputs] = bias.shape as Sides;
    return p.add(graph, product, p.reshape(graph, bias, [subnets, 1, outputs])); // [S, B, O]
  }

  gelu(x: V): V {
    return p.gelu(this.graph, x);
  }

  relu(x: V): V {
    const map = this.#maps.get(x.name);
    return map ? this.#tokens(p.relu(this.graph, map)) : p.relu(this.graph, x);
  }

  add(a: V, b: V): V {
    const [left, right] = [this.#maps.get(a.name), this.#maps.get(b.name)];
    return left && right ? this.#tokens(p.add(this.graph, left, right)) : p.add(this.graph, a, b);
  }

  windowAttention(qkv: V, table: V, { size, window, heads, shift }: WindowAttentionShape): V {
    const { graph } = this;
    const [faces, tokens, packed] = qkv.shape as Sides;
    const channels = packed / 3;
    const width = channels / heads;
    const area = window * window;
    const windows = tokens / area;
    const order = windowOrder(size, window, shift);
    const moved = windows > 1;

    const ordered = moved ? p.gather(graph, qkv, 1, order) : qkv; // [B, windows * area, 3C]
    const packedHeads = p.reshape(graph, ordered, [times(faces, windows), area, 3, heads, width]);
    const stacked = p.transpose(graph, packedHeads, [2, 0, 3, 1, 4]); // [3, B * windows, heads, area, width]
    const [q, k, v] = p
      .split(graph, stacked, 0, 3)
      .map((part) => p.reshape(graph, part, [times(faces, windows), heads, area, width])) as [V, V, V];
    const query = p.mul(graph, q, graph.scalar(width ** -0.5));
    const scores = p.matMul(graph, query, p.transposeLast(graph, k)); // [B * windows, heads, area, area]
    const mixed = p.matMul(graph, this.#attend(scores, table, { size, window, heads, shift }), v);
    const joined = p.transpose(graph, mixed, [0, 2, 1, 3]); // [B * windows, area, heads, width]
    const flat = p.reshape(graph, joined, [faces, tokens, channels]);
    return moved ? p.gather(graph, flat, 1, inverseOrder(order)) : flat;
  }

  /** softmax(scores + relative position bias + mask between regions). */
  #attend(scores: V, table: V, { size, window, heads, shift }: WindowAttentionShape): V {
    const { graph } = this;
    const area = window * window;
    const windows = (size / window) ** 2;
    const rows = p.gather(graph, table, 0, relativePositions(window)); // [area * area, heads]
    const bias = p.reshape(graph, p.transpose(graph, rows, [1, 0]), [heads, area, area]);
    if (shift === 0) return p.softmax(graph, p.add(graph, scores, bias));
    const mask = graph.constant(shiftMask(size, window, shift), [windows, 1, area, area]);
    const grouped = p.reshape(graph, scores, [times(at(scores.shape, 0), 1 / windows), windows, heads, area, area]);
    const masked = p.add(graph, grouped, p.add(graph, mask, bias));
    return p.softmax(graph, p.reshape(graph, masked, scores.shape));
  }

  mergePatches(x: V, size: number): V {
    const [faces, tokens, channels] = x.shape as Sides;
    return p.reshape(this.graph, p.gather(this.graph, x, 1, mergeOrder(size)), [faces, tokens / 4, 4 * channels]);
  }

  averagePool(x: V, size: number, factor: number): V {
    const { graph } = this;
    const [faces, , channels] = x.shape as Sides;
    const side = size / factor;
    // Rows first, then columns: each a mean over one axis between contiguous blocks.
    const rows = p.reshape(graph, x, [times(faces, side), factor, size * channels]);
    const columns = p.reshape(graph, p.reduceMean(graph, rows, [1]), [times(faces, side * side), factor, channels]);
    return p.reshape(graph, p.reduceMean(graph, columns, [1]), [faces, side * side, channels]);
  }

  meanTokens(x: V): V {
    return this.#overTokens(p.reduceMean(this.graph, x, [x.shape.length - 2]));
  }

  conv3x3(x: V, weight: V, size: number): V {
    const { graph } = this;
    const [faces, tokens, inputs] = x.shape as Sides;
    const [subnets, outputs] = weight.shape as Sides;
    const image = p.reshape(graph, p.transpose(graph, x, [0, 2, 1]), [faces, inputs, size, size]);
    const filters = p.reshape(graph, weight, [subnets * outputs, inputs, 3, 3]);
    const maps = graph.emit('Conv', [image, filters], [faces, subnets * outputs, size, size], {
      kernel_shape: [3, 3],
      pads: [1, 1, 1, 1],
    });
    const grouped = p.reshape(graph, maps, [faces, subnets, outputs, tokens]);
    return p.transpose(graph, grouped, [1, 0, 3, 2]); // [S, B, L, O]
  }

  concat(parts: readonly V[]): V {
    return p.concat(this.graph, parts, (parts[0]?.shape.length ?? 1) - 1);
  }

  channelAttention(x: V, { fc1, fc2 }: ChannelAttentionWeights<V>): V {
    const { graph } = this;
    const [subnets, faces, , width] = x.shape as Sides;
    const mlp = (pooled: V) => this.linear(this.relu(this.linear(pooled, fc1)), fc2);
    const gate = p.sigmoid(graph, this.add(mlp(this.meanTokens(x)), mlp(this.maxTokens(x)))); // [S, B, F]
    return p.mul(graph, x, p.reshape(graph, gate, [subnets, faces, 1, width]));
  }

  maxTokens(x: V): V {
    return this.#overTokens(p.reduceMax(this.graph, x, [x.shape.length - 2]));
  }

  batchNorm(x: V, { weight, bias, running_mean, running_var }: BatchNormWeights<V>): V {
    const { graph } = this;
    const stacked = weight.shape.length === 2;
    const row = (value: V) => (stacked ? p.reshape(graph, value, [at(value.shape, 0), 1, at(value.shape, 1)]) : value);
    const deviation = p.sqrt(graph, p.add(graph, running_var, graph.scalar(BATCH_NORM_EPSILON)));
    const scale = p.div(graph, weight, deviation);
    return p.add(graph, p.mul(graph, p.sub(graph, x, row(running_mean)), row(scale)), row(bias));
  }

  taskOutputs(x: V, { weight, bias }: LinearWeights<V>, rows: RowSubnets): V {
    const { graph } = this;
    const [subnets, faces, width] = x.shape as Sides;
    // One product for all tasks: the subnets' features side by side, times rows that are zero but for their own subnet.
    const features = p.reshape(graph, p.transpose(graph, x, [1, 0, 2]), [faces, subnets * width]);
    const own = new Float32Array(rows.length * subnets);
    rows.forEach((subnet, row) => {
      own[row * subnets + subnet] = 1;
    });
    const mask = graph.constant(own, [rows.length, subnets, 1]);
    const spread = p.mul(graph, p.reshape(graph, weight, [rows.length, 1, width]), mask);
    const matrix = p.reshape(graph, spread, [rows.length, subnets * width]);
    return this.linear(features, bias ? { weight: matrix, bias } : { weight: matrix }); // [B, R]
  }

  imageTokens(image: V): V {
    return this.#tokens(image);
  }

  convolution(x: V, { weight, bias }: LinearWeights<V>, shape: ConvolutionShape): V {
    const [outputs] = weight.shape as Sides;
    const [height, width] = windowedSides(shape);
    const [faces] = x.shape as Sides;
    const { groups } = shape;
    const map = this.#map(x, shape.sides);
    const maps = this.graph.emit('Conv', bias ? [map, weight, bias] : [map, weight], [faces, outputs, height, width], {
      ...windowAttributes(shape),
      group: groups,
    });
    return this.#tokens(maps);
  }

  prelu(x: V, slope: V): V {
    const { graph } = this;
    const map = this.#maps.get(x.name);
    if (!map) return p.prelu(graph, x, slope);
    return this.#tokens(p.prelu(graph, map, p.reshape(graph, slope, [...slope.shape, 1, 1])));
  }

  silu(x: V): V {
    return p.mul(this.graph, x, p.sigmoid(this.graph, x));
  }

  maxPool(x: V, window: SlidingWindow): V {
    const [faces, , channels] = x.shape as Sides;
    const [height, width] = windowedSides(window);
    const map = this.#map(x, window.sides);
    return this.#tokens(this.graph.emit('MaxPool', [map], [faces, channels, height, width], windowAttributes(window)));
  }

  padChannels(x: V, channels: number): V {
    const { graph } = this;
    const ends = Array<number>(2 * x.shape.length).fill(0);
    ends[ends.length - 1] = channels - at(x.shape, x.shape.length - 1);
    return graph.emit('Pad', [x, graph.integers(ends)], [...x.shape.slice(0, -1), channels]);
  }

  resizeBilinear(x: V, from: readonly [number, number], to: readonly [number, number]): V {
    const { graph } = this;
    const [faces, , channels] = x.shape as Sides;
    const map = this.#map(x, from);
    const scales = graph.constant(Float32Array.of(1, 1, to[0] / from[0], to[1] / from[1]), [4]);
    // The empty name stands for the region of interest, which this mode does not read.
    const nothing: V = { name: '', shape: [] };
    const maps = graph.emit('Resize', [map, nothing, scales], [faces, channels, to[0], to[1]], {
      mode: { text: 'linear' },
      coordinate_transformation_mode: { text: 'half_pixel' },
    });
    return this.#tokens(maps);
  }

  squeezeExcite(x: V, { reduce, expand }: SqueezeExciteWeights<V>): V {
    const { graph } = this;
    const [faces, , width] = x.shape as Sides;
    const gate = p.sigmoid(graph, this.linear(this.silu(this.linear(this.meanTokens(x), reduce)), expand)); // [B, C]
    return p.mul(graph, x, p.reshape(graph, gate, [faces, 1, width]));
  }

  pyramidMax(x: V, [height, width]: readonly [number, number], levels: number): V {
    const { graph } = this;
    const [faces, , channels] = x.shape as Sides;
    const map = p.reshape(graph, x, [faces, height, width, channels]);
    const maxima = pyramidBlocks([height, width], levels).map(({ top, bottom, left, right }) => {
      const block = p.slice(graph, p.slice(graph, map, 1, top, bottom), 2, left, right);
      return p.reshape(graph, p.reduceMax(graph, block, [1, 2]), [faces, channels]);
    });
    return p.concat(graph, maxima, 1); // [B, blocks * C]
  }

  dropPath(x: V): V {
    return x;
  }

  dropout(x: V): V {
    return x;
  }

  /** Whether tokens were made from the map of a convolutional network, so that what follows can read that. */
  protected isMap(x: V): boolean {
    return this.#maps.has(x.name);
  }

  /** [B, H*W, C] -> [B, C, H, W] */
  #map(x: V, [height, width]: readonly [number, number]): V {
    const known = this.#maps.get(x.name);
    if (known) return known;
    const [faces, , channels] = x.shape as Sides;
    return p.reshape(this.graph, p.transpose(this.graph, x, [0, 2, 1]), [faces, channels, height, width]);
  }

  /** [B, C, H, W] -> [B, H*W, C], left out of the model where only maps are read. */
  #tokens(map: V): V {
    const [faces, channels, height, width] = map.shape as Sides;
    const flat = p.reshape(this.graph, map, [faces, channels, height * width]);
    const tokens = p.transpose(this.graph, flat, [0, 2, 1]);
    this.#maps.set(tokens.name, map);
    return tokens;
  }

  /** A linear map of every pixel. */
  #pointwise(map: V, weight: V, bias: V | undefined): V {
    const { graph } = this;
    const [faces, , height, width] = map.shape as Sides;
    const [outputs, inputs] = weight.shape as Sides;
    const kernel = p.reshape(graph, weight, [outputs, inputs, 1, 1]);
    return this.#tokens(
      graph.emit('Conv', bias ? [map, kernel, bias] : [map, kernel], [faces, outputs, height, width], {
        kernel_shape: [1, 1],
      }),
    );
  }

  /** [..., 1, C] -> [..., C] */
  #overTokens(x: V): V {
    return p.reshape(this.graph, x, [...x.shape.slice(0, -2), at(x.shape, x.shape.length - 1)]);
  }
}

function windowAttributes({ kernel, stride, padding: { top, left, bottom, right } }: SlidingWindow) {
  return { kernel_shape: [...kernel], strides: [stride, stride], pads: [top, left, bottom, right] };
}
