/** Any engine against any golden file: what `npm run parity` runs. */
import {
  assembleWeights,
  foldWeights,
  InvalidInputError,
  type OutputSelection,
  type RawOutputs,
  selectOutputs,
} from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import { compareWithGolden, GOLDEN_BARS, type Golden, type ParityLine, readGolden } from './golden.js';
import { nodeAdapter } from './gpu.js';
import { runOnnx } from './onnx.js';

/** Executors that can be compared with a golden file. */
export const PARITY_ENGINES = ['webgpu', 'wasm', 'tfjs', 'onnx', 'reference'] as const;
/** One of {@link PARITY_ENGINES}. */
export type ParityEngine = (typeof PARITY_ENGINES)[number];

/** What `npm run parity` prints. */
export interface ParityReport {
  readonly engine: string;
  readonly faces: number;
  readonly bars: typeof GOLDEN_BARS;
  readonly passed: boolean;
  readonly maxDifference: number;
  readonly lines: readonly ParityLine[];
}

/** Runs one engine on a golden file's weights and input, and compares every output and feature map. */
export async function parity(file: string | URL, engine: ParityEngine): Promise<ParityReport> {
  const expected = await readGolden(file);
  const selection = selectOutputs(expected.config);
  const { description, outputs } = await runners[engine](expected, selection);
  const lines = compareWithGolden(expected, selection, outputs);
  return {
    engine: description,
    faces: outputs.count,
    bars: GOLDEN_BARS,
    passed: lines.length > 0 && lines.every(({ passed }) => passed),
    maxDifference: Math.max(...lines.map(({ max }) => max)),
    lines,
  };
}

interface Run {
  readonly description: string;
  readonly outputs: RawOutputs;
}

const runners: Record<ParityEngine, (expected: Golden, selection: OutputSelection) => Promise<Run>> = {
  async webgpu(expected, selection) {
    const { requestDevice, WebGpuEngine } = await import('@swinface/core/webgpu');
    const { device } = await requestDevice({ adapter: await nodeAdapter() });
    const weights = foldWeights(assembleWeights(selection, expected.weights));
    const engine = await WebGpuEngine.compile({
      device,
      selection,
      weights,
      maxFaces: faces(expected),
      keepLevels: true,
    });
    const outputs = await engine.run(expected.input.data, faces(expected));
    engine.dispose();
    device.destroy();
    return { description: engine.description, outputs };
  },
  async wasm(expected, selection) {
    const { WasmEngine } = await import('@swinface/core/wasm');
    const weights = foldWeights(assembleWeights(selection, expected.weights));
    const engine = await WasmEngine.create({ selection, weights, maxFaces: faces(expected), keepLevels: true });
    const outputs = await engine.run(expected.input.data, faces(expected));
    engine.dispose();
    return { description: engine.description, outputs };
  },
  async tfjs(expected, selection) {
    const { TfjsEngine } = await import('@swinface/core/tfjs');
    const weights = foldWeights(assembleWeights(selection, expected.weights));
    const engine = await TfjsEngine.create({
      backend: 'wasm',
      selection,
      weights,
      maxFaces: faces(expected),
      keepLevels: true,
    });
    const outputs = await engine.run(expected.input.data, faces(expected));
    engine.dispose();
    return { description: engine.description, outputs };
  },
  async onnx(expected, selection) {
    const outputs = await runOnnx(selection, assembleWeights(selection, expected.weights), expected.input);
    return { description: 'ONNX graph in onnxruntime-node (cpu)', outputs };
  },
  async reference(expected, selection) {
    const { levels, embedding, logits } = runReference(
      selection,
      assembleWeights(selection, expected.weights),
      expected.input,
    );
    const [fm1, fm2, fm3, fm4] = levels.map(({ data }) => Float32Array.from(data));
    if (!embedding || !logits || !fm1 || !fm2 || !fm3 || !fm4) throw new InvalidInputError('Not every output was run.');
    return {
      description: 'float64 reference',
      outputs: {
        count: faces(expected),
        embeddings: Float32Array.from(embedding.data),
        logits: Float32Array.from(logits.data),
        levels: [fm1, fm2, fm3, fm4],
      },
    };
  },
};

const faces = ({ input }: Golden): number => input.shape[0] ?? 0;
