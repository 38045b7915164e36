import { type Node, RecordingOps } from '../graph/graph.js';
import { type Ops, type Padding, windowedSides } from '../ops.js';
import { Checkpoint } from './checkpoint.js';
import type { Network } from './network.js';

/** Gives a layer the tensor that it names, of the shape that it expects. */
export type TensorReader<T> = (name: string, shape: readonly number[]) => T;

/** A token map and what its shape does not say: [B, H*W, C]. */
export interface FeatureMap<T> {
  readonly x: T;
  readonly sides: readonly [height: number, width: number];
  readonly channels: number;
}

/** How a convolution of {@link Layers} differs from one of a single pixel. */
export interface Kernel {
  readonly size: number;
  readonly stride?: 1 | 2;
  /** Nothing by default. */
  readonly padding?: Padding;
}

const NO_PADDING: Padding = { top: 0, right: 0, bottom: 0, left: 0 };

/** The same padding on all four sides, as PyTorch pads. */
export const padEvenly = (size: number): Padding => ({ top: size, right: size, bottom: size, left: size });

/**
 * TensorFlow's SAME: as many outputs as strides fit into the side, an odd row or column of padding after the picture and
 * not before it.
 */
export function padSame([height, width]: readonly [number, number], size: number, stride: number): Padding {
  const total = (side: number) => Math.max(0, (Math.ceil(side / stride) - 1) * stride + size - side);
  const [rows, columns] = [total(height), total(width)];
  return {
    top: Math.floor(rows / 2),
    right: Math.ceil(columns / 2),
    bottom: Math.ceil(rows / 2),
    left: Math.floor(columns / 2),
  };
}

/** What some layers give, recorded, and every tensor that they read, by name and in the order of use, with its shape. */
export interface RecordedLayers<R> {
  readonly tensors: ReadonlyMap<string, readonly number[]>;
  readonly result: R;
}

/**
 * Records layers on a picture, to learn what they read and give.
 *
 * @param input shape of the picture, [1, channels, height, width]
 */
export function recordLayers<R>(
  input: readonly number[],
  forward: (ops: Ops<Node>, tensor: TensorReader<Node>, picture: Node) => R,
): RecordedLayers<R> {
  const tensors = new Map<string, readonly number[]>();
  const ops = new RecordingOps();
  const nothing = new Float32Array();
  const tensor = (name: string, shape: readonly number[]) => {
    tensors.set(name, shape);
    return ops.constant({ shape, data: nothing }, name);
  };
  return { result: forward(ops, tensor, ops.input(input)), tensors };
}

/**
 * A network whose layers name their tensors, as executors take it: its tensors and the shapes of its outputs are what one
 * recording of it asks for and gives.
 *
 * @param forward gives the outputs by name
 */
export function layeredNetwork(
  name: string,
  input: Network['input'],
  forward: <T>(ops: Ops<T>, tensor: TensorReader<T>, picture: T) => Readonly<Record<string, T>>,
): Network {
  const { tensors, result } = recordLayers<Readonly<Record<string, Node>>>(
    [1, input.channels, input.height, input.width],
    forward,
  );
  const checkpoint = new Checkpoint();
  return {
    name,
    input,
    outputs: Object.entries(result).map(([output, { shape }]) => ({ name: output, shape: shape.slice(1) })),
    tensors,
    weights: new Map([...tensors].map(([tensor, shape]) => [tensor, checkpoint.tensor(tensor, shape)])),
    get folded() {
      return this;
    },
    metadata: {},
    partOf: () => name,
    forward: (ops, weight, image) => forward(ops, (tensor) => weight(tensor), image),
  };
}

/**
 * The layers of convolutional networks by the names of their weights. A layer says its tensors' shapes where it uses
 * them, so that a network's file is also the one table of its weights (see `recordLayers`).
 */
export class Layers<T> {
  constructor(
    readonly ops: Ops<T>,
    readonly tensor: TensorReader<T>,
  ) {}

  /** Pictures [B, channels, height, width] as a map. */
  image(picture: T, sides: readonly [number, number], channels = 3): FeatureMap<T> {
    return { x: this.ops.imageTokens(picture), sides, channels };
  }

  /** A convolution over all channels, with bias. */
  conv(name: string, map: FeatureMap<T>, outputs: number, kernel: Kernel): FeatureMap<T> {
    return this.#convolve(name, map, outputs, kernel, 1);
  }

  /** A convolution of each channel by itself, with bias. */
  depthwise(name: string, map: FeatureMap<T>, kernel: Kernel): FeatureMap<T> {
    return this.#convolve(name, map, map.channels, kernel, map.channels);
  }

  /** A 1x1 convolution with bias. */
  pointwise(name: string, map: FeatureMap<T>, outputs: number): FeatureMap<T> {
    const weight = this.tensor(`${name}.weight`, [outputs, map.channels]);
    const x = this.ops.linear(map.x, { weight, bias: this.tensor(`${name}.bias`, [outputs]) });
    return { ...map, x, channels: outputs };
  }

  relu(map: FeatureMap<T>): FeatureMap<T> {
    return { ...map, x: this.ops.relu(map.x) };
  }

  prelu(name: string, map: FeatureMap<T>): FeatureMap<T> {
    return { ...map, x: this.ops.prelu(map.x, this.tensor(`${name}.slope`, [map.channels])) };
  }

  /** Sum of two maps of one shape. */
  add(a: FeatureMap<T>, b: FeatureMap<T>): FeatureMap<T> {
    return { ...b, x: this.ops.add(a.x, b.x) };
  }

  /** Maximum over blocks of 2x2. */
  maxPool(map: FeatureMap<T>): FeatureMap<T> {
    const window = { sides: map.sides, kernel: [2, 2], stride: 2, padding: padSame(map.sides, 2, 2) } as const;
    return { ...map, x: this.ops.maxPool(map.x, window), sides: windowedSides(window) };
  }

  /** Channels of zeros after the map's own, up to `channels`. */
  padChannels(map: FeatureMap<T>, channels: number): FeatureMap<T> {
    return channels === map.channels ? map : { ...map, x: this.ops.padChannels(map.x, channels), channels };
  }

  /** Bilinear, to other sides. */
  resize(map: FeatureMap<T>, sides: readonly [number, number]): FeatureMap<T> {
    return { ...map, x: this.ops.resizeBilinear(map.x, map.sides, sides), sides };
  }

  #convolve(name: string, map: FeatureMap<T>, outputs: number, kernel: Kernel, groups: number): FeatureMap<T> {
    const { size, stride = 1, padding = NO_PADDING } = kernel;
    const shape = { sides: map.sides, kernel: [size, size], stride, padding, groups } as const;
    const weight = this.tensor(`${name}.weight`, [outputs, map.channels / groups, size, size]);
    const x = this.ops.convolution(map.x, { weight, bias: this.tensor(`${name}.bias`, [outputs]) }, shape);
    return { x, sides: windowedSides(shape), channels: outputs };
  }
}
