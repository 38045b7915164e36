import type { FivePoints, LocatedFace } from '@swinface/alignment';
import { cropTransform } from '@swinface/alignment';
import { type Raster, warpPixels } from '@swinface/alignment/warp';
import {
  type LoadedModel,
  type Manifest,
  type ModelConfig,
  networkOf,
  PRESETS,
  packModel,
  RECOGNITION,
  selectOutputs,
} from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import { decodeOutputs, type FaceAnalysis } from '@swinface/postprocessing';
import { syntheticInput, syntheticWeights } from '@swinface/testing';

/** Narrow enough to run in float64 in a moment; the plan is the real one. */
export const config: ModelConfig = {
  ...PRESETS['swinface-nano'],
  name: 'tiny',
  embed: 8,
  depths: [1, 1, 1, 1],
  heads: [1, 1, 2, 2],
  mlp: 1,
  feature: 16,
  embedding: 20,
  split: [4, 4, 4, 4],
};

const calibration: Manifest['calibration'] = {
  temperatures: { Eyeglasses: 2 },
  thresholds: { Eyeglasses: 0.4 },
  ageIntervals: [{ age: 30, halfWidth: 5 }],
  verification: [{ falseMatchRate: 1e-3, threshold: 0.5, falseNonMatchRate: 0.1 }],
};

/** Two crops, as a trained model has: tight for identity, age and gender, loose for attributes. */
export const CROPS = [
  { zoom: 1, outputs: [RECOGNITION, 'Gender', 'Age', 'Young'] },
  { zoom: 0.7, outputs: ['Bald', 'Eyeglasses'] },
];

const weights = syntheticWeights(config);

/** Synthetic weights with the passport they would be served with, and the files. */
export async function packedModel(crops: Manifest['crops'] = CROPS) {
  const { manifest, files } = await packModel(
    'tiny',
    {
      id: 'tiny-synthetic',
      config,
      synthetic: true,
      crops,
      calibration,
      licence: 'MIT',
      trainingData: [],
      metrics: {},
    },
    weights,
    'F32',
  );
  return { manifest, files };
}

/** {@link packedModel} in memory. */
export const loadedModel = async (crops?: Manifest['crops']): Promise<LoadedModel> => ({
  manifest: (await packedModel(crops)).manifest,
  weights,
});

/** A picture with detail everywhere, so that a crop one pixel off shows. */
export function picture(width: number, height: number): Raster & { readonly data: Uint8ClampedArray<ArrayBuffer> } {
  const noise = syntheticInput(`picture ${width}x${height}`, [width * height * 4]).data;
  const data = Uint8ClampedArray.from(noise, (value, i) => {
    const [x, y, channel] = [Math.floor(i / 4) % width, Math.floor(i / 4 / width), i % 4];
    if (channel === 3) return 255;
    return 128 + 60 * Math.sin(x / (9 + channel) + y / 13) + 40 * value;
  });
  return { data, width, height };
}

/** Five points of an upright face: eyes `eyes` apart with `x`, `y` between them. */
export const facePoints = (x: number, y: number, eyes: number): FivePoints => [
  [x - eyes / 2, y],
  [x + eyes / 2, y + 0.05 * eyes],
  [x + 0.1 * eyes, y + 0.6 * eyes],
  [x - 0.4 * eyes, y + 1.15 * eyes],
  [x + 0.4 * eyes, y + 1.2 * eyes],
];

/** What a locator would say about such a face. */
export const locatedFace = (points: FivePoints): LocatedFace => {
  const [[left, top], , , [, bottom]] = points;
  const landmarks = new Float32Array(68 * 3);
  points.forEach(([x, y], i) => {
    landmarks.set([x, y], 3 * i);
  });
  const box = { x: left, y: top, width: bottom - top, height: bottom - top };
  return { box, score: 0.9, points, landmarks, landmarkModel: 'face-api-68' };
};

/** The float64 reference on the crops of a face, by the parts that are tested elsewhere: warp, network, decoding. */
export function expectedAnalysis(
  image: Raster,
  points: FivePoints,
  manifest: Manifest,
  crops: Manifest['crops'] = manifest.crops,
): FaceAnalysis[] {
  return crops.map(({ zoom, outputs }) => {
    const crop = warpPixels(image, [cropTransform(points, zoom)]);
    return referenceAnalysis(crop, outputs, manifest);
  });
}

/** The float64 reference on one aligned crop, [3, 112, 112] in [-1, 1]. */
export function referenceAnalysis(crop: Float32Array, outputs: readonly string[], manifest: Manifest): FaceAnalysis {
  const selection = selectOutputs(config, outputs);
  const { embedding, logits } = runReference(networkOf(selection), weights, {
    shape: [1, 3, 112, 112],
    data: crop,
  });
  const raw = {
    count: 1,
    ...(embedding ? { embeddings: Float32Array.from(embedding.data) } : {}),
    ...(logits ? { logits: Float32Array.from(logits.data) } : {}),
  };
  return decodeOutputs(manifest, selection, raw, 0);
}
