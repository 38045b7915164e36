import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  assembleWeights,
  type BatchNormWeights,
  InvalidInputError,
  isHostTensor,
  levelShapes,
  mapWeights,
  type OutputSelection,
  selectOutputs,
  swinFace,
  type WeightMap,
} from '@swinface/core';
import { OnnxGraph, OnnxOps, type OnnxValue, primitives as p } from '@swinface/core/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { cropSamples } from './data/cache.js';
import { ARCFACE_CROP, writeInput } from './data/crop.js';
import { readDataset } from './data/samples.js';
import { TEMPLATE_SIDE } from './data/similarity.js';
import { loadModel } from './evaluate/model-files.js';
import { differentiate } from './graph/differentiate.js';
import { TrainingOps } from './graph/training-ops.js';

/** Which answers to explain, on which faces. */
export interface ExplainOptions {
  /** Manifest of the weights. */
  readonly weights: string;
  /** List NAME.jsonl. */
  readonly data: string;
  readonly out: string;
  /** Task names; Age, Gender, Expression and Smiling by default. */
  readonly tasks?: readonly string[];
  /** Faces from the start of the held-out part; 4 by default. */
  readonly faces?: number;
  /** Feature map FM1..FM4 that is looked at; FM2 by default, the finest that all but the first level's path goes through. */
  readonly level?: 1 | 2 | 3 | 4;
}

/** The network as it answers, in the forms that have gradients. */
class ExplainingOps extends TrainingOps {
  constructor(graph: OnnxGraph) {
    super(graph, { dropPath: 0, dropout: 0 });
  }

  override batchNorm(x: OnnxValue, weights: BatchNormWeights<OnnxValue>): OnnxValue {
    return new OnnxOps(this.graph).batchNorm(x, weights);
  }
}

/** Shades a network's answers with Grad-CAM (arXiv:1610.02391). */
export class Explainer {
  private constructor(
    readonly selection: OutputSelection,
    private readonly session: InferenceSession,
    private readonly side: number,
  ) {}

  static async create(selection: OutputSelection, weights: WeightMap, level: 1 | 2 | 3 | 4): Promise<Explainer> {
    const { image } = selection.config;
    const graph = new OnnxGraph();
    const constants = mapWeights(assembleWeights(selection, weights), isHostTensor, ({ data, shape }, path) =>
      graph.constant(data, shape, path),
    );
    const input = graph.input('image', [1, 3, image, image]);
    const outputs = swinFace(new ExplainingOps(graph), selection, constants, input);
    if (!outputs.logits)
      throw new InvalidInputError('There is no answer to explain.', { expected: 'one task or more' });
    const pick = graph.input('pick', [1, selection.logits]);
    const score = p.reduceSum(graph, p.mul(graph, outputs.logits, pick), [0, 1]);
    const map = outputs.levels[level - 1] as OnnxValue; // [1, L, C]
    const [gradient] = differentiate(graph, score, [map]) as [OnnxValue];
    const importance = p.reduceMean(graph, gradient, [1]); // [1, 1, C]
    graph.output('logits', outputs.logits);
    graph.output('map', p.relu(graph, p.reduceSum(graph, p.mul(graph, map, importance), [2])));
    const session = await InferenceSession.create(graph.toModel('swinface-trainer'));
    const [, side] = levelShapes(selection.config)[level - 1] as readonly [number, number];
    return new Explainer(selection, session, side);
  }

  /**
   * How much each place of a face speaks for an answer: for the greatest logit of a task with several classes, for
   * "yes" of a binary one, for more years of the age.
   *
   * @param image RGB in [-1, 1], [3, 112, 112]
   * @returns values in [0, 1], row by row, and the side of the map
   * @throws {InvalidInputError} if the task is not among the network's
   */
  async explain(image: Float32Array, task: string): Promise<{ side: number; values: Float32Array }> {
    const place = this.selection.tasks.find((entry) => entry.task.name === task);
    if (!place) {
      throw new InvalidInputError(`The network has no task ${task}.`, {
        expected: this.selection.tasks.map((entry) => entry.task.name).join(', '),
      });
    }
    const { offset, task: head } = place;
    const run = (column: number) => {
      const pick = new Float32Array(this.selection.logits);
      pick[offset + column] = 1;
      const side = this.selection.config.image;
      return this.session.run({
        image: new Tensor('float32', image, [1, 3, side, side]),
        pick: new Tensor('float32', pick, [1, pick.length]),
      });
    };
    let column = head.logits === 2 ? 1 : 0;
    let results = await run(column);
    if (head.logits > 2) {
      const logits = results.logits?.data as Float32Array;
      const row = logits.subarray(offset, offset + head.logits);
      column = row.indexOf(Math.max(...row));
      results = await run(column);
    }
    const values = Float32Array.from(results.map?.data as Float32Array);
    const peak = Math.max(...values);
    return { side: this.side, values: peak > 0 ? values.map((value) => value / peak) : values };
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

/** A face with a map over it: the stronger, the redder. */
async function overlay(crop: Uint8Array, { side, values }: { side: number; values: Float32Array }): Promise<Buffer> {
  const size = 2 * TEMPLATE_SIDE;
  const heat = await sharp(Buffer.from(Uint8Array.from(values, (value) => Math.round(255 * value))), {
    raw: { width: side, height: side, channels: 1 },
  })
    .resize(size, size, { kernel: 'cubic' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  const shade = Buffer.alloc(size * size * 4);
  for (let i = 0; i < size * size; i++) shade.set([255, 40, 0, Math.round(0.7 * (heat[i] ?? 0))], 4 * i);
  return sharp(crop, { raw: { width: TEMPLATE_SIDE, height: TEMPLATE_SIDE, channels: 3 } })
    .resize(size, size)
    .composite([{ input: shade, raw: { width: size, height: size, channels: 4 } }])
    .png()
    .toBuffer();
}

/**
 * Writes one PNG per face and task, `FACE-TASK.png`: the aligned face with a Grad-CAM heat map over it.
 *
 * @returns paths of the files
 * @throws {InvalidInputError} if a task or list is unknown
 */
export async function explain(options: ExplainOptions): Promise<string[]> {
  const { weights, data, out, tasks = ['Age', 'Gender', 'Expression', 'Smiling'], faces = 4, level = 2 } = options;
  const { manifest, weights: tensors } = await loadModel(weights);
  const explainer = await Explainer.create(selectOutputs(manifest.config), tensors, level);
  const dataset = await readDataset(data);
  const samples = dataset.samples.filter(({ split }) => split !== 'train').slice(0, faces);
  await mkdir(out, { recursive: true });
  const files: string[] = [];
  for await (const item of cropSamples(dataset, samples, ARCFACE_CROP)) {
    if ('reason' in item) continue;
    const image = new Float32Array(3 * TEMPLATE_SIDE ** 2);
    writeInput(item.crop, false, image, 0);
    for (const task of tasks) {
      const path = join(out, `${item.index}-${task.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.png`);
      await writeFile(path, await overlay(item.crop, await explainer.explain(image, task)));
      files.push(path);
    }
  }
  await explainer.dispose();
  return files;
}
