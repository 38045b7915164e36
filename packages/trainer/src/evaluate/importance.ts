import { type LoadedModel, networkOf, placedTasks, selectOutputs } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { OnnxGraph, OnnxOps, type OnnxValue, recordOnnx } from '@swinface/core/onnx';
import { CROP_SIZE } from '@swinface/geometry';
import { Tensor } from 'onnxruntime-node';
import { cropSamples } from '../data/cache.js';
import { ARCFACE_CROP, writeInput } from '../data/crop.js';
import type { Dataset, FaceSample } from '../data/samples.js';
import { createSession } from '../engine/device.js';

/** How strongly one subnet responds to each level of the network. */
export interface LevelImportance {
  readonly subnet: string;
  /** Mean of the subnet's features, after attention, ReLU and maximum over the map, that come from FM1, FM2, FM3 and FM4. */
  readonly levels: readonly number[];
}

/** Records the network and remembers the last pooled features [S, B, F]: those of the subnets. */
class FeatureOps extends OnnxOps {
  pooled: OnnxValue | undefined;

  override maxTokens(x: OnnxValue): OnnxValue {
    this.pooled = super.maxTokens(x);
    return this.pooled;
  }
}

/** The importance of FM1..FM4 for each subnet (SwinFace, Fig. 6), averaged over faces. */
export async function levelImportance(
  { manifest, weights }: LoadedModel,
  dataset: Dataset,
  samples: readonly FaceSample[],
): Promise<LevelImportance[]> {
  const { config } = manifest;
  const selection = selectOutputs(
    config,
    placedTasks(config).map(({ task }) => task.name),
  );
  const graph = new OnnxGraph();
  const ops = new FeatureOps(graph);
  const image = graph.input('image', [1, 3, CROP_SIZE, CROP_SIZE]);
  recordOnnx(networkOf(selection), weights, ops, image);
  if (!ops.pooled) return [];
  graph.output('features', ops.pooled);
  const { session } = await createSession(graph.toModel('features'), 'cpu', 1);
  const sums = config.subnets.map(() => config.split.map(() => 0));
  const pixels = new Float32Array(3 * CROP_SIZE * CROP_SIZE);
  let faces = 0;
  for await (const item of cropSamples(dataset, samples, ARCFACE_CROP)) {
    if ('reason' in item) continue;
    writeInput(item.crop, false, pixels, 0);
    const feeds = { image: new Tensor('float32', pixels, [1, 3, CROP_SIZE, CROP_SIZE]) };
    const features = (await session.run(feeds)).features?.data as Float32Array;
    faces++;
    for (const [s, row] of sums.entries()) {
      let from = s * config.feature;
      for (const [level, width] of config.split.entries()) {
        for (let c = 0; c < width; c++) row[level] = at(row, level) + at(features, from++) / width;
      }
    }
  }
  await session.release();
  return config.subnets.map(({ name }, s) => ({ subnet: name, levels: (sums[s] ?? []).map((sum) => sum / faces) }));
}
