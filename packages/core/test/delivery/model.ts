import {
  type Manifest,
  type ModelConfig,
  networkOf,
  parseManifest,
  placedTasks,
  RECOGNITION,
  selectOutputs,
  sha256,
  tensorShapes,
  writeSafetensors,
} from '@swinface/core';
import { syntheticTensor } from '../../../testing/src/synthetic.js';

/** A manifest and its shards by file name. */
export interface ServedModel {
  readonly manifest: Manifest;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * A network's synthetic weights in many small shards, one a part: trunk, recognition head, each subnet.
 *
 * @param salt other weights for other salts
 */
export async function manyShards(config: ModelConfig, salt = ''): Promise<ServedModel> {
  const shapes = tensorShapes(config);
  const needed = (...names: string[]) => [...networkOf(selectOutputs(config, names)).tensors.keys()];
  const isHead = (name: string) => /^backbone\.(norm|feature)\./.test(name);
  const isTrunk = (name: string) => name.startsWith('backbone.') && !isHead(name);
  const plan = [
    needed(RECOGNITION).filter(isTrunk),
    needed(RECOGNITION).filter(isHead),
    ...config.subnets.map(({ tasks }) => needed(...tasks.map(({ name }) => name)).filter((name) => !isTrunk(name))),
  ];
  const shards: Manifest['shards'][number][] = [];
  const tensors: Record<string, Manifest['tensors'][string]> = {};
  const files = new Map<string, Uint8Array>();
  for (const names of plan) {
    const contents = names.map((name) => [name, syntheticTensor(name, shapes.get(name) ?? [], salt + name)] as const);
    const bytes = writeSafetensors(new Map(contents), () => 'F32');
    const digest = await sha256(bytes);
    for (const [name, { shape }] of contents) tensors[name] = { dtype: 'F32', shape, shard: shards.length };
    shards.push({ file: `part-${digest.slice(0, 8)}.safetensors`, bytes: bytes.length, sha256: digest });
    files.set(`part-${digest.slice(0, 8)}.safetensors`, bytes);
  }
  const manifest = parseManifest({
    format: 'swinface',
    version: 1,
    id: `many-shards${salt}`,
    config,
    synthetic: true,
    shards,
    tensors,
    crops: [{ zoom: 1, outputs: [RECOGNITION, ...placedTasks(config).map(({ task }) => task.name)] }],
    calibration: { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] },
    licence: 'MIT',
    trainingData: [],
    metrics: {},
  });
  return { manifest, files };
}
