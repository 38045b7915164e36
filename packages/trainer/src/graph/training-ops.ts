import {
  BATCH_NORM_EPSILON,
  type BatchNormWeights,
  LAYER_NORM_EPSILON,
  type LayerNormWeights,
  type LinearWeights,
} from '@swinface/core';
import { type OnnxGraph, OnnxOps, type OnnxValue, primitives as p } from '@swinface/core/onnx';

type V = OnnxValue;
type Sides = [number, number, number, number];

/** Random factors that a step feeds to its graph: 0 with probability `rate`, else 1 / (1 - rate). */
export interface RandomMask {
  readonly name: string;
  readonly shape: readonly number[];
  readonly rate: number;
}

/** Statistics of a batch that running statistics follow. */
export interface BatchStatistics {
  /** Names of the running mean and variance among the weights. */
  readonly runningMean: string;
  readonly runningVariance: string;
  readonly mean: V;
  /** Biased. */
  readonly variance: V;
  /** Samples that each statistic is taken over. */
  readonly count: number;
}

/** Rates of what is switched off at random while training. */
export interface Regularization {
  /** Drop rate of the last residual branch; the others grow linearly with depth. */
  readonly dropPath: number;
  readonly dropout: number;
}

/**
 * Records the network for training: BatchNorm over the batch where its statistics are not fixed, random masks, and products in the forms whose gradients
 * run fastest (matrix products with a transposed side instead of transposes, 3x3 convolutions as products).
 */
export class TrainingOps extends OnnxOps {
  readonly masks: RandomMask[] = [];
  readonly statistics: BatchStatistics[] = [];
  /** What each recorded LayerNorm normalises, by the name of its output. */
  readonly #normalized = new Map<string, { x: V; weights: LayerNormWeights<V> }>();
  readonly #units = new Map<number, LayerNormWeights<V>>();

  /** @param isFixed whether a running statistic, by its name, is used as it is instead of the batch's */
  constructor(
    graph: OnnxGraph,
    readonly regularization: Regularization,
    readonly isFixed: (name: string) => boolean = () => false,
  ) {
    super(graph);
  }

  override layerNorm(x: V, weights: LayerNormWeights<V>): V {
    const normal = super.layerNorm(x, weights);
    this.#normalized.set(normal.name, { x, weights });
    return normal;
  }

  override linear(x: V, weights: LinearWeights<V>): V {
    if (weights.weight.shape.length !== 2 || this.isMap(x)) return super.linear(x, weights);
    const normalized = this.#normalized.get(x.name);
    if (normalized) return this.#linearOfNormal(normalized, weights);
    const { weight, bias } = weights;
    const [outputs, inputs] = weight.shape as Sides;
    const rows = x.shape.slice(0, -1);
    const flat = p.reshape(this.graph, x, [rows.reduce((product, side) => product * side, 1), inputs]);
    const product = p.gemm(this.graph, flat, weight, { transB: true, bias });
    return p.reshape(this.graph, product, [...rows, outputs]);
  }

  /**
   * W (g n + b) + c = (W g) n + (W b + c) for a normalised n: the norm's scale and shift move into the small matrix, so
   * that neither they nor their gradients touch every token. The norm itself, recorded already, is left unused.
   */
  #linearOfNormal({ x, weights: norm }: { x: V; weights: LayerNormWeights<V> }, { weight, bias }: LinearWeights<V>): V {
    const { graph } = this;
    const [outputs, inputs] = weight.shape as Sides;
    const unit = this.#unit(inputs);
    const normal = p.layerNormalization(graph, x, unit, LAYER_NORM_EPSILON);
    const scaled = p.mul(graph, weight, norm.weight);
    const column = p.gemm(graph, weight, p.reshape(graph, norm.bias, [inputs, 1])); // [O, 1]
    const shift = p.reshape(graph, column, [outputs]);
    return this.linear(normal, { weight: scaled, bias: bias ? p.add(graph, shift, bias) : shift });
  }

  /** Scale one and shift zero. */
  #unit(width: number): LayerNormWeights<V> {
    const known = this.#units.get(width);
    if (known) return known;
    const weight = this.graph.constant(new Float32Array(width).fill(1), [width]);
    const unit = { weight, bias: this.graph.constant(new Float32Array(width), [width]) };
    this.#units.set(width, unit);
    return unit;
  }

  override conv3x3(x: V, weight: V, size: number): V {
    const { graph } = this;
    const [faces, tokens, inputs] = x.shape as Sides;
    const [subnets, outputs] = weight.shape as Sides;
    // The nine neighbours of each token side by side; a product with a 0/1 matrix, so that its gradient is one too.
    const neighbours = p.matMul(graph, graph.constant(neighbourMatrix(size), [tokens * 9, tokens]), x);
    const columns = p.reshape(graph, neighbours, [faces * tokens, 9 * inputs]);
    const filters = p.transpose(graph, p.reshape(graph, weight, [subnets * outputs, inputs, 9]), [0, 2, 1]);
    const matrix = p.reshape(graph, filters, [subnets * outputs, 9 * inputs]);
    const maps = p.gemm(graph, columns, matrix, { transB: true }); // [B * L, S * O]
    const grouped = p.reshape(graph, maps, [faces * tokens, subnets, outputs]);
    return p.reshape(graph, p.transpose(graph, grouped, [1, 0, 2]), [subnets, faces, tokens, outputs]);
  }

  override batchNorm(x: V, weights: BatchNormWeights<V>): V {
    const { weight, bias, running_mean, running_var } = weights;
    if (this.isFixed(running_mean.name)) return super.batchNorm(x, weights);
    const { graph } = this;
    const axis = x.shape.length - 2;
    const row = x.shape.map((side, index) => (index === axis ? 1 : side));
    const mean = p.reduceMean(graph, x, [axis]);
    const centred = p.sub(graph, x, mean);
    const variance = p.reduceMean(graph, p.mul(graph, centred, centred), [axis]);
    this.statistics.push({
      runningMean: running_mean.name,
      runningVariance: running_var.name,
      mean,
      variance,
      count: x.shape[axis] as number,
    });
    const deviation = p.sqrt(graph, p.add(graph, variance, graph.scalar(BATCH_NORM_EPSILON)));
    const scale = p.div(graph, p.reshape(graph, weight, row), deviation);
    return p.add(graph, p.mul(graph, centred, scale), p.reshape(graph, bias, row));
  }

  override dropPath(x: V, depth = 0): V {
    return this.#drop('dropPath', x, [x.shape[0] as number, 1, 1], this.regularization.dropPath * depth);
  }

  override dropout(x: V): V {
    return this.#drop('dropout', x, x.shape, this.regularization.dropout);
  }

  #drop(kind: string, x: V, shape: readonly number[], rate: number): V {
    if (rate === 0) return x;
    const mask = this.graph.input(`${kind}.${this.masks.length}`, shape);
    this.masks.push({ name: mask.name, shape, rate });
    return p.mul(this.graph, x, mask);
  }
}

/** [L * 9, L]: row (token, tap) picks the neighbour of `token` at `tap`; zero outside the map. */
function neighbourMatrix(size: number): Float32Array {
  const tokens = size * size;
  const matrix = new Float32Array(tokens * 9 * tokens);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      for (let tap = 0; tap < 9; tap++) {
        const y = row + Math.floor(tap / 3) - 1;
        const x = column + (tap % 3) - 1;
        if (y < 0 || y >= size || x < 0 || x >= size) continue;
        matrix[((row * size + column) * 9 + tap) * tokens + y * size + x] = 1;
      }
    }
  }
  return matrix;
}
