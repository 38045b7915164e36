import { InvalidInputError } from '../errors.js';
import { sizeOf } from '../tensor.js';
import { countUses, type Node, type NodeOf } from '../webgpu/graph.js';
import { attentionTables } from './attention-tables.js';
import { Layout, type Region } from './layout.js';
import { host, multipleOfFour, refuse, transposed } from './nodes.js';
import { biasPanels, floats, integers, weightPanels } from './panels.js';
import { ACTIVATION, LOAD, type Plan, type ProductOptions } from './plan.js';
import { type Step, TILE_COLUMNS } from './steps.js';

/**
 * Turns a recorded graph into steps, drawing into each product what surrounds it:
 *
 *   layerNorm, mergePatches -> linear -> gelu | relu, or + residual     product
 *   patchEmbed -> layerNorm                                            product, layerNorm
 *   layerNorm -> meanTokens                                            normMean
 *   conv3x3 ... -> concat                                              a product of neighbourhoods per part
 *   channelAttention -> relu -> maxTokens                              channelAttentionPool
 *
 * @param capacity faces that one pass computes; shapes of the graph are for so many
 * @throws {SwinFaceError} INTERNAL if an operation stands where no kernel computes it
 * @throws {InvalidInputError} if the weights are not folded, a width is not a multiple of four, or patches are not 2x2
 */
export function lower(input: Node, outputs: readonly Node[], capacity: number): Plan {
  return new Lowering(outputs, capacity).plan(input, outputs);
}

class Lowering {
  readonly #layout = new Layout();
  readonly #steps: { label: string; work: number; step: (at: (region: Region) => number) => Step }[] = [];
  readonly #late: ((at: (region: Region) => number) => void)[] = [];
  readonly #values = new Map<Node, Region>();
  readonly #uses: Map<Node, number>;
  readonly #left: Map<Node, number>;
  readonly #capacity: number;
  readonly #zeros: Region;
  readonly #largest = { inputs: 0, area: 0, head: 0, width: 0 };

  constructor(outputs: readonly Node[], capacity: number) {
    this.#uses = new Map(countUses(outputs));
    this.#left = new Map(this.#uses);
    this.#capacity = capacity;
    this.#zeros = this.#layout.constant(4 * TILE_COLUMNS, () => {});
  }

  plan(input: Node, outputs: readonly Node[]): Plan {
    const inputRegion = this.#bind(input);
    const regions = outputs.map((node) => ({
      region: this.#value(node),
      perFace: sizeOf(node.shape) / this.#capacity,
    }));
    const placement = this.#layout.place();
    for (const late of this.#late) late(placement.addressOf);
    return {
      steps: this.#steps.map(({ label, work, step }) => ({ label, work, step: step(placement.addressOf) })),
      layout: this.#layout,
      placement,
      input: inputRegion,
      outputs: regions,
      largest: this.#largest,
    };
  }

  #bind(node: Node): Region {
    const region = this.#layout.activation(4 * sizeOf(node.shape));
    this.#values.set(node, region);
    return region;
  }

  /** After a step has read a node's value: frees it if nobody else will. */
  #done(node: Node): void {
    const left = (this.#left.get(node) ?? 0) - 1;
    this.#left.set(node, left);
    const region = this.#values.get(node);
    if (left === 0 && region) this.#layout.release(region);
  }

  #step(label: string, work: number, step: (at: (region: Region) => number) => Step): void {
    this.#steps.push({ label, work, step });
  }

  /** The value of a node, computed by steps added now unless it has been already. */
  #value(node: Node): Region {
    const known = this.#values.get(node);
    if (known) return known;
    switch (node.op) {
      case 'add':
      case 'gelu':
      case 'relu':
      case 'linear':
        return this.#linear(node);
      case 'layerNorm':
        return this.#patchEmbed(node);
      case 'meanTokens':
        return this.#normMean(node);
      case 'concat':
        return this.#convolutions(node);
      case 'maxTokens':
        return this.#channelAttentionPool(node);
      case 'windowAttention':
        return this.#attention(node);
      case 'averagePool':
        return this.#averagePool(node);
      case 'taskOutputs':
        return this.#taskOutputs(node);
      case 'batchNorm':
        throw new InvalidInputError(`The BatchNorm ${node.label} is not folded.`, {
          hint: 'Pass foldWeights(weights) to the WebAssembly engine.',
        });
      default:
        return refuse(node);
    }
  }

  /** The node, if it is of that operation and nobody else reads it. */
  #absorb<Op extends Node['op']>(node: Node, op: Op): NodeOf<Op> | undefined {
    return node.op === op && this.#uses.get(node) === 1 ? (node as NodeOf<Op>) : undefined;
  }

  #linear(node: NodeOf<'add' | 'gelu' | 'relu' | 'linear'>): Region {
    const before = node.op === 'add' ? node.x : undefined;
    const own = node.op === 'add' ? node.other : node.op === 'linear' ? undefined : node.x;
    const linear = node.op === 'linear' ? node : own && this.#absorb(own, 'linear');
    if (!linear) return refuse(node);
    const norm = this.#absorb(linear.x, 'layerNorm');
    const merge = this.#absorb(norm ? norm.x : linear.x, 'mergePatches');
    const source = merge ? merge.x : norm ? norm.x : linear.x;
    const x = this.#value(source);
    const residual = before && this.#value(before);
    const weight = host(linear.weights.weight);
    const [inputs, outputs, subnets] = [...weight.shape].reverse() as [number, number, number | undefined];
    const y = this.#bind(node);
    this.#product({
      label: linear.label,
      x,
      y,
      matrix: { data: weight.data, subnets: subnets ?? 1, outputs, inputs },
      bias: linear.weights.bias && host(linear.weights.bias),
      norm: norm?.weights,
      residual,
      tokens: sizeOf(linear.shape) / outputs / (subnets ?? 1) / this.#capacity,
      ...(merge ? { load: 'merged', side: merge.size, channels: inputs / 4 } : {}),
      activation: node.op === 'gelu' || node.op === 'relu' ? node.op : 'none',
    });
    this.#done(source);
    if (before) this.#done(before);
    return y;
  }

  #product(options: ProductOptions): void {
    const { label, matrix, tokens, norm, load = 'rows', side = 0, channels = 0, activation = 'none' } = options;
    const { subnets, outputs, inputs } = matrix;
    multipleOfFour(load === 'rows' || load === 'patches' ? inputs : channels, label);
    const layout = this.#layout;
    const weight = weightPanels(layout, matrix, norm && host(norm.weight));
    const bias = biasPanels(layout, matrix, options.bias, norm && host(norm.bias));
    const panels = subnets * Math.ceil(outputs / TILE_COLUMNS);
    const description = this.#description((at) => [
      at(options.x),
      at(weight),
      at(bias),
      options.residual ? at(options.residual) : 0,
      at(options.y),
      inputs,
      outputs,
      tokens,
      LOAD[load],
      norm ? 1 : 0,
      ACTIVATION[activation],
      side,
      channels,
      options.stride ?? outputs,
      options.columns ? at(options.columns) : 0,
      this.#capacity * tokens * inputs,
      this.#capacity * tokens * outputs,
    ]);
    this.#largest.inputs = Math.max(this.#largest.inputs, inputs);
    const work = 2 * subnets * tokens * inputs * outputs;
    this.#step(label, work, (at) => ({ op: 'product', at: at(description), tokens, panels }));
  }

  /** A kernel's description in memory; its addresses are known only once everything is placed. */
  #description(members: (at: (region: Region) => number) => readonly number[]): Region {
    let values: readonly number[] = [];
    this.#late.push((at) => {
      values = members(at);
    });
    const count = members(() => 0).length;
    return this.#layout.constant(4 * count, (target) => {
      values.forEach((value, i) => {
        // Only fractions are floats: a scale of one does not occur.
        if (Number.isInteger(value)) target.setInt32(4 * i, value, true);
        else target.setFloat32(4 * i, value, true);
      });
    });
  }

  #patchEmbed(node: NodeOf<'layerNorm'>): Region {
    const embed = this.#absorb(node.x, 'patchEmbed');
    if (!embed) return refuse(node);
    const x = this.#value(embed.x);
    const weight = host(embed.weights.weight);
    const [outputs, colours, patch] = weight.shape as [number, number, number];
    const [, , side] = embed.x.shape as [number, number, number];
    const [, tokens] = embed.shape as [number, number];
    if (patch !== 2) {
      throw new InvalidInputError('The WebAssembly kernels read patches of 2 x 2 pixels.', {
        expected: 'a config whose patch is 2',
        actual: String(patch),
      });
    }
    multipleOfFour(outputs, embed.label);
    const y = this.#bind(node);
    const { label } = embed;
    const matrix = { data: weight.data, subnets: 1, outputs, inputs: colours * patch ** 2 };
    const bias = embed.weights.bias && host(embed.weights.bias);
    this.#product({ label, x, y, matrix, bias, tokens, load: 'patches', side, channels: colours });
    const scale = floats(this.#layout, host(node.weights.weight).data);
    const shift = floats(this.#layout, host(node.weights.bias).data);
    this.#step(node.label, 8 * tokens * outputs, (at) => ({
      op: 'layerNorm',
      args: [at(y), outputs, at(scale), at(shift)],
      items: tokens,
    }));
    this.#done(embed.x);
    return y;
  }

  #normMean(node: NodeOf<'meanTokens'>): Region {
    const norm = this.#absorb(node.x, 'layerNorm');
    if (!norm) return refuse(node);
    const x = this.#value(norm.x);
    const y = this.#bind(node);
    const [, tokens, width] = norm.shape as [number, number, number];
    multipleOfFour(width, norm.label);
    this.#largest.width = Math.max(this.#largest.width, width);
    const scale = floats(this.#layout, host(norm.weights.weight).data);
    const shift = floats(this.#layout, host(norm.weights.bias).data);
    this.#step(norm.label, 8 * tokens * width, (at) => ({
      op: 'normMean',
      args: [at(x), at(y), tokens, width, at(scale), at(shift)],
      items: 1,
    }));
    this.#done(norm.x);
    return y;
  }

  #attention(node: NodeOf<'windowAttention'>): Region {
    const qkv = this.#value(node.x);
    const y = this.#bind(node);
    const { label, geometry } = node;
    const { window, heads } = geometry;
    const [, tokens, channels] = node.shape as [number, number, number];
    const width = channels / heads;
    multipleOfFour(width, label);
    const area = window ** 2;
    const tables = attentionTables(host(node.table), geometry);
    const bias = floats(this.#layout, tables.bias);
    const order = integers(this.#layout, tables.order);
    const variants = integers(this.#layout, tables.variants);
    const windows = tokens / area;
    const description = this.#description((at) => [
      at(qkv),
      at(y),
      at(bias),
      at(order),
      at(variants),
      tokens,
      windows,
      area,
      heads,
      width,
      at(this.#zeros),
      width ** -0.5,
    ]);
    this.#largest.area = Math.max(this.#largest.area, area);
    this.#largest.head = Math.max(this.#largest.head, width);
    const items = windows * heads;
    this.#step(label, 4 * tokens * area * channels, (at) => ({ op: 'attention', at: at(description), items }));
    this.#done(node.x);
    return y;
  }

  #averagePool(node: NodeOf<'averagePool'>): Region {
    const x = this.#value(node.x);
    const y = this.#bind(node);
    const [, tokens, width] = node.shape as [number, number, number];
    multipleOfFour(width, node.label);
    const { label, size, factor } = node;
    this.#step(label, tokens * width * factor ** 2, (at) => ({
      op: 'averagePool',
      args: [at(x), at(y), size, factor, width],
      items: tokens,
    }));
    this.#done(node.x);
    return y;
  }

  /** Each convolution of all subnets is one product that scatters its columns over the concatenation [B, L, S, F]. */
  #convolutions(concat: NodeOf<'concat'>): Region {
    const parts = concat.parts.map((part) => this.#absorb(part, 'conv3x3') ?? refuse(part));
    const inputs = parts.map((part) => this.#value(part.x));
    const y = this.#bind(concat);
    const [subnets, , , features] = concat.shape as [number, number, number, number];
    let offset = 0;
    parts.forEach((part, index) => {
      const { data, shape } = host(part.weight);
      const [, outputs, channels] = shape as [number, number, number];
      const columns = Array.from(
        { length: subnets * outputs },
        (_, column) => Math.floor(column / outputs) * features + offset + (column % outputs),
      );
      const inputPlaces = Int32Array.from(
        { length: 9 * channels },
        (_, k) => (k % channels) * 9 + Math.floor(k / channels),
      );
      this.#product({
        label: part.label,
        x: inputs[index] as Region,
        y,
        matrix: { data, subnets: 1, outputs: subnets * outputs, inputs: 9 * channels, inputPlaces },
        tokens: part.size ** 2,
        load: 'neighbours',
        side: part.size,
        channels,
        columns: integers(this.#layout, columns),
        stride: subnets * features,
      });
      this.#done(part.x);
      offset += outputs;
    });
    return y;
  }

  #channelAttentionPool(node: NodeOf<'maxTokens'>): Region {
    const relu = this.#absorb(node.x, 'relu');
    const attention = relu && this.#absorb(relu.x, 'channelAttention');
    if (attention?.x.op !== 'concat') return refuse(node);
    const x = this.#value(attention.x);
    const y = this.#bind(node);
    const [subnets, , tokens, width] = attention.shape as [number, number, number, number];
    multipleOfFour(width, attention.label);
    const { fc1, fc2 } = attention.weights;
    if (!fc1.bias || !fc2.bias) return refuse(attention);
    const hidden = fc1.weight.shape[1] as number;
    this.#largest.width = Math.max(this.#largest.width, 3 * width + hidden);
    const layout = this.#layout;
    const weight1 = floats(layout, host(fc1.weight).data);
    const bias1 = floats(layout, host(fc1.bias).data);
    const weight2 = floats(layout, transposed(host(fc2.weight)));
    const bias2 = floats(layout, host(fc2.bias).data);
    const capacity = this.#capacity;
    this.#step(attention.label, subnets * width * (2 * tokens + 8 * hidden), (at) => ({
      op: 'channelAttentionPool',
      args: [at(x), at(y), subnets, tokens, width, hidden, capacity, at(weight1), at(bias1), at(weight2), at(bias2)],
      items: subnets,
    }));
    this.#done(attention.x);
    return y;
  }

  #taskOutputs(node: NodeOf<'taskOutputs'>): Region {
    const x = this.#value(node.x);
    const y = this.#bind(node);
    const [, capacity, width] = node.x.shape as [number, number, number];
    multipleOfFour(width, node.label);
    if (!node.weights.bias) return refuse(node);
    const weight = floats(this.#layout, host(node.weights.weight).data);
    const bias = floats(this.#layout, host(node.weights.bias).data);
    const subnetOf = integers(this.#layout, node.rows);
    const outputs = node.rows.length;
    this.#step(node.label, 2 * outputs * width, (at) => ({
      op: 'taskOutputs',
      args: [at(x), at(y), width, capacity, outputs, at(weight), at(bias), at(subnetOf)],
      items: 1,
    }));
    this.#done(node.x);
    return y;
  }
}
