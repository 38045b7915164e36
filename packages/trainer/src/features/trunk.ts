/** A frozen trunk: the feature maps that its heads learn from. */
import { createHash } from 'node:crypto';
import {
  InvalidInputError,
  type Level,
  type ModelConfig,
  networkOf,
  RECOGNITION,
  selectOutputs,
  tensorShapes,
  type WeightMap,
} from '@swinface/core';
import { at, pick } from '@swinface/core/internal';
import { OnnxGraph, OnnxOps, recordOnnx } from '@swinface/core/onnx';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { mobileFaceWeights } from '../convert/mobileface.js';
import { createSession } from '../engine/device.js';
import { readBytes } from '../files/read.js';
import { levelName, pooledLevels } from '../graph/levels.js';
import { resolveModel } from '../teacher/open.js';

/** Raise when the same weights and pictures come out differently: what was computed before is made again. */
const FORMAT = 1;

/**
 * The weights of a trunk, its recognition included, by checkpoint name.
 *
 * @param model path of the ONNX file, or "package/path" of a file in an installed npm package
 * @throws {InvalidInputError} if the config's trunk is none that is to be had from an ONNX file
 * @throws {WeightsInvalidError} if the file is another network
 */
export async function readTrunk(config: ModelConfig, model: string): Promise<WeightMap> {
  if (!config.trunk) {
    throw new InvalidInputError(`The trunk of ${config.name} does not come from a file.`, {
      expected: 'a network on MobileFaceNet, such as swinface-mobile',
    });
  }
  const file = await readBytes(resolveModel(model), "the trunk's ONNX file");
  return new Map([...mobileFaceWeights(file)].map(([name, tensor]) => [`backbone.${name}`, tensor] as const));
}

/** A trunk ready to run in ONNX Runtime. */
export class FrozenTrunk {
  private constructor(
    /** Feature maps of a face, pooled. */
    readonly levels: readonly Level[],
    /** SHA-256 of everything that its maps depend on. */
    readonly digest: string,
    private readonly side: number,
    private readonly session: InferenceSession,
  ) {}

  /** @param weights by checkpoint name, the trunk's at least */
  static async create(config: ModelConfig, weights: WeightMap, threads = 1): Promise<FrozenTrunk> {
    const selection = selectOutputs(config, [RECOGNITION]);
    const network = networkOf(selection, { levels: true });
    const graph = new OnnxGraph();
    const ops = new OnnxOps(graph);
    const image = graph.input('image', [-1, 3, config.image, config.image]);
    const outputs = recordOnnx(network, weights, ops, image);
    const levels = pooledLevels(network.levels);
    const maps = network.levels.map(({ side }, level) => {
      const map = pick(new Map(Object.entries(outputs)), levelName(level));
      const coarsest = at(levels, level).side;
      return side > coarsest ? ops.averagePool(map, side, side / coarsest) : map;
    });
    for (const [level, map] of maps.entries()) graph.output(levelName(level), map);
    const { session } = await createSession(graph.toModel('swinface-trainer'), 'cpu', threads);
    return new FrozenTrunk(levels, trunkDigest(config, weights), config.image, session);
  }

  /** Numbers that a face's maps are. */
  get size(): number {
    return this.levels.reduce((sum, { side, channels }) => sum + side * side * channels, 0);
  }

  /**
   * The maps of some faces.
   *
   * @param images RGB in [-1, 1], [B, 3, side, side]
   * @returns [B, size]: level after level, each [H*W, C]
   */
  async run(images: Float32Array): Promise<Float32Array> {
    const { side, levels, size } = this;
    const count = images.length / (3 * side * side);
    const outputs = await this.session.run({ image: new Tensor('float32', images, [count, 3, side, side]) });
    const all = new Float32Array(count * size);
    let from = 0;
    for (const [index, level] of levels.entries()) {
      const map = outputs[levelName(index)]?.data as Float32Array;
      const width = level.side ** 2 * level.channels;
      for (let face = 0; face < count; face++) {
        all.set(map.subarray(face * width, (face + 1) * width), face * size + from);
      }
      from += width;
    }
    return all;
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

function trunkDigest(config: ModelConfig, weights: WeightMap): string {
  const hash = createHash('sha256').update(`${FORMAT} ${config.image} ${JSON.stringify(config.trunk ?? 'swin')}`);
  for (const name of tensorShapes(config).keys()) {
    const tensor = weights.get(name);
    if (!tensor || !name.startsWith('backbone.')) continue;
    const { data } = tensor;
    hash.update(`${name} ${tensor.shape}`).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
