import {
  cropTransform,
  type FaceLocator,
  type ImageSource,
  type LocateOptions,
  type Similarity,
  UprightImage,
} from '@swinface/alignment';
import { InvalidInputError, type LoadedModel, type RawOutputs } from '@swinface/core';
import type { Backend } from './backend.js';
import type { CropGroup } from './crops.js';
import { analysisOf, type FoundFace, faceOf, facesFromPoints } from './results.js';
import type { AlignedFace, Face, Timings } from './types.js';

/** What a picture passes through; owned by the analyzer. */
export interface Pipeline {
  readonly model: LoadedModel;
  readonly groups: readonly CropGroup[];
  readonly maxFaces: number;
  readonly backend: Backend;
  readonly locator: FaceLocator | undefined;
}

/** One picture to analyse. */
export interface Job {
  readonly source: ImageSource;
  readonly points?: readonly FoundFace['points'][] | undefined;
  /** Faces of the previous frame of the same video, to look near. */
  readonly previous?: LocateOptions['previous'] | undefined;
  readonly signal: AbortSignal;
}

/** Milliseconds per stage, added up as they pass. */
class Stopwatch {
  readonly #start = performance.now();
  readonly #stages = { decode: 0, locate: 0, warp: 0, network: 0, results: 0 };

  add(stage: Exclude<keyof Timings, 'total'>, milliseconds: number): void {
    this.#stages[stage] += milliseconds;
  }

  async time<R>(stage: Exclude<keyof Timings, 'total'>, work: () => R | Promise<R>): Promise<R> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.add(stage, performance.now() - start);
    }
  }

  read(): Timings {
    return { ...this.#stages, total: performance.now() - this.#start };
  }
}

/**
 * Decodes, locates, warps, runs the network, decodes the outputs; looks at the signal in between.
 *
 * @returns the faces in the locator's order (largest first) or in that of the points given
 */
export async function analyzePicture(
  pipeline: Pipeline,
  { source, points, previous, signal }: Job,
): Promise<{ readonly faces: readonly Face[]; readonly timings: Timings }> {
  const given = points === undefined ? undefined : facesFromPoints(points);
  const { locator, model } = pipeline;
  if (!given && !locator) {
    throw new InvalidInputError('This analyzer was created without a locator.', {
      expected: 'the option "points"',
      hint: 'Give five points per face, or create the analyzer with a locator.',
    });
  }
  const watch = new Stopwatch();
  return withImage(pipeline, source, signal, watch, async (image) => {
    const found =
      given ??
      (await watch.time('locate', () => locator?.locate(image, { signal, ...(previous ? { previous } : {}) }) ?? []));
    signal.throwIfAborted();
    const transforms = pipeline.groups.map(({ zoom }) => found.map((face) => cropTransform(face.points, zoom)));
    const outputs = await runNetworks(pipeline, image, transforms, signal, watch);
    const faces = await watch.time('results', () =>
      found.map((face, i) => faceOf(face, outputs(i), model.manifest.id)),
    );
    return { faces, timings: watch.read() };
  });
}

/**
 * Runs the network on a crop that was aligned by the caller.
 *
 * @throws {InvalidInputError} if the crop is not 112x112, or the outputs read several crops
 */
export async function analyzeCrop(
  pipeline: Pipeline,
  { source, signal }: Job,
): Promise<{ readonly face: AlignedFace; readonly timings: Timings }> {
  const { groups, model } = pipeline;
  const size = model.manifest.config.image;
  if (groups.length > 1) {
    throw new InvalidInputError('One aligned crop does not serve all outputs of this analyzer.', {
      expected: 'outputs that share a crop',
      actual: groups.map(({ zoom, selection }) => `${selection.tasks.length} at zoom ${zoom}`).join(', '),
      hint: 'Create an analyzer with the option "outputs", or give the whole picture and five points.',
    });
  }
  const watch = new Stopwatch();
  return withImage(pipeline, source, signal, watch, async (image) => {
    if (image.width !== size || image.height !== size) {
      throw new InvalidInputError('This is not an aligned crop.', {
        expected: `${size} x ${size} pixels`,
        actual: `${image.width} x ${image.height}`,
        hint: 'Use analyze() for pictures.',
      });
    }
    const outputs = await runNetworks(pipeline, image, [[{ a: 1, b: 0, tx: 0, ty: 0 }]], signal, watch);
    const face = await watch.time('results', () => ({ ...outputs(0), model: model.manifest.id }));
    return { face, timings: watch.read() };
  });
}

async function withImage<R>(
  { backend }: Pipeline,
  source: ImageSource,
  signal: AbortSignal,
  watch: Stopwatch,
  use: (image: UprightImage) => Promise<R>,
): Promise<R> {
  if (source instanceof UprightImage) return use(source);
  const { maxSide } = backend;
  const image = await watch.time('decode', () =>
    UprightImage.from(source, { signal, ...(maxSide === undefined ? {} : { maxSide }) }),
  );
  try {
    return await use(image);
  } finally {
    image.dispose();
  }
}

/**
 * All faces through the networks of all groups, `maxFaces` at a time.
 *
 * @param transforms per group, one per face
 * @returns the analysis of face i
 */
async function runNetworks(
  { backend, groups, maxFaces, model }: Pipeline,
  image: UprightImage,
  transforms: readonly (readonly Similarity[])[],
  signal: AbortSignal,
  watch: Stopwatch,
): Promise<(face: number) => ReturnType<typeof analysisOf>> {
  const count = transforms[0]?.length ?? 0;
  const batches: RawOutputs[][] = [];
  if (count > 0) {
    const prepared = await watch.time('warp', () => backend.prepare(image));
    try {
      for (let first = 0; first < count; first += maxFaces) {
        const outputs: RawOutputs[] = [];
        for (const [group, all] of transforms.entries()) {
          signal.throwIfAborted();
          const { raw, warp, network } = await prepared.run(group, all.slice(first, first + maxFaces));
          watch.add('warp', warp);
          watch.add('network', network);
          outputs.push(raw);
        }
        batches.push(outputs);
      }
    } finally {
      prepared.dispose();
    }
  }
  signal.throwIfAborted();
  return (face) => analysisOf(model, groups, batches[Math.floor(face / maxFaces)] ?? [], face % maxFaces);
}
