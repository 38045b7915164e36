import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type HostTensor, networkOf, selectOutputs, tensorShapes, UnsupportedDeviceError } from '@swinface/core';
import { exportOnnx } from '@swinface/core/onnx';
import { Tensor } from 'onnxruntime-node';
import * as v from 'valibot';
import { writePytorch } from '../convert/write-pytorch.js';
import { Random } from '../data/random.js';
import { createSession } from '../engine/device.js';
import { StagedFiles } from '../files/durable.js';
import { initialWeights } from '../graph/parameters.js';
import { recipeConfig } from '../recipe/config.js';
import type { Recipe } from '../recipe/recipe.js';

/** The same training step in PyTorch, medians in milliseconds. */
export interface PytorchBenchmark {
  /** Forward pass and losses, without gradients. */
  readonly forward: number;
  /** Forward, backward, clipping and AdamW. */
  readonly step: number;
  readonly torch: string;
  readonly threads: number;
  /** Largest difference between both sides' embeddings and logits, relative to the largest of them. */
  readonly difference: number;
}

const answerSchema = v.object({ forward: v.number(), step: v.number(), torch: v.string(), threads: v.number() });

const SCRIPT = fileURLToPath(new URL('../../benchmark/pytorch.py', import.meta.url));

/**
 * Times a recipe's network in PyTorch on this machine, with the same weights and the same faces; both sides' outputs
 * are compared first, so that the times are of one network.
 *
 * @throws {UnsupportedDeviceError} if Python or PyTorch is not installed, or computes something else
 */
export async function benchmarkPytorch(
  recipe: Recipe,
  { python = 'python3', threads, rounds = 5 }: { python?: string; threads: number; rounds?: number },
): Promise<PytorchBenchmark> {
  const config = recipeConfig(recipe);
  const weights = initialWeights(config, recipe.seed);
  const random = new Random(recipe.seed);
  const side = config.image;
  const images = Float32Array.from({ length: recipe.batch * 3 * side * side }, () => random.uniform(-1, 1));
  const folder = await mkdtemp(join(tmpdir(), 'swinface-pytorch-'));
  try {
    const read = async (name: string) => weights.get(name) as HostTensor;
    await StagedFiles.write(folder, (files) =>
      files.add('weights.pt', (file) => writePytorch(file, tensorShapes(config), read)),
    );
    const settings = { batch: recipe.batch, threads, rounds, dropout: recipe.regularization.dropout };
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    await writeFile(join(folder, 'settings.json'), JSON.stringify(settings));
    await writeFile(join(folder, 'images.f32'), new Uint8Array(images.buffer));
    const { stdout } = await promisify(execFile)(python, [SCRIPT, folder]).catch((cause: unknown) => {
      throw new UnsupportedDeviceError('PyTorch could not be timed.', {
        expected: `${python} with the package torch`,
        hint: 'On Debian: apt-get install python3-torch libopenblas0-pthread. Name another interpreter with --python.',
        cause,
      });
    });
    const answer = v.parse(answerSchema, JSON.parse(stdout));
    const bytes = await readFile(join(folder, 'outputs.f32'));
    const theirs = new Float32Array(new Uint8Array(bytes).buffer);
    const selection = selectOutputs(config);
    const model = exportOnnx(networkOf(selection).folded, weights);
    const { session } = await createSession(model, 'cpu', threads);
    const image = new Tensor('float32', images, [recipe.batch, 3, side, side]);
    const { embedding, logits } = await session.run({ image });
    await session.release();
    const difference = largestDifference(theirs, recipe.batch, [embedding?.data, logits?.data]);
    return { ...answer, difference };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Rows of `theirs` are our parts' rows side by side. */
function largestDifference(theirs: Float32Array, count: number, parts: readonly unknown[]): number {
  const ours = parts.filter((part): part is Float32Array => part instanceof Float32Array);
  const width = theirs.length / count;
  let [largest, scale] = [0, 0];
  for (let row = 0; row < count; row++) {
    const expected = ours.flatMap((part) => [
      ...part.subarray((row * part.length) / count, ((row + 1) * part.length) / count),
    ]);
    if (expected.length !== width) return Number.POSITIVE_INFINITY;
    expected.forEach((value, column) => {
      largest = Math.max(largest, Math.abs(value - (theirs[row * width + column] ?? Number.NaN)));
      scale = Math.max(scale, Math.abs(value));
    });
  }
  return largest / scale;
}
