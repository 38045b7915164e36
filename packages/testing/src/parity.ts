/** Any engine against any golden file: what `npm run parity` runs. */
import { type Engine, type Network, type NetworkResults, networkOf, selectOutputs } from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import { compareWithGolden, GOLDEN_BARS, type Golden, type ParityLine, readGolden } from './golden.js';
import { testAdapter } from './gpu.js';
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
  const { description, results } = await runners[engine](expected, networkOf(selection, { levels: true }));
  const lines = compareWithGolden(expected, selection, results);
  return {
    engine: description,
    faces: faces(expected),
    bars: GOLDEN_BARS,
    passed: lines.length > 0 && lines.every(({ passed }) => passed),
    maxDifference: Math.max(...lines.map(({ max }) => max)),
    lines,
  };
}

interface Run {
  readonly description: string;
  readonly results: NetworkResults;
}

async function runOn(engine: Engine, { input }: Golden): Promise<Run> {
  const results = await engine.run(input.data, input.shape[0] ?? 0);
  engine.dispose();
  return { description: engine.description, results };
}

const runners: Record<ParityEngine, (expected: Golden, network: Network) => Promise<Run>> = {
  async webgpu(expected, network) {
    const { requestDevice, WebGpuEngine } = await import('@swinface/core/webgpu');
    const { device } = await requestDevice({ adapter: await testAdapter() });
    const { weights } = expected;
    const run = await runOn(
      await WebGpuEngine.compile({ device, network, weights, maxFaces: faces(expected) }),
      expected,
    );
    device.destroy();
    return run;
  },
  async wasm(expected, network) {
    const { WasmEngine } = await import('@swinface/core/wasm');
    const { weights } = expected;
    return runOn(await WasmEngine.create({ network, weights, maxFaces: faces(expected) }), expected);
  },
  async tfjs(expected, network) {
    const { TfjsEngine } = await import('@swinface/core/tfjs');
    const { weights } = expected;
    return runOn(await TfjsEngine.create({ backend: 'wasm', network, weights, maxFaces: faces(expected) }), expected);
  },
  async onnx({ weights, input }, network) {
    const results = await runOnnx(network, weights, input);
    return { description: 'ONNX graph in onnxruntime-node (cpu)', results };
  },
  async reference({ weights, input }, network) {
    const wide = Object.entries(runReference(network, weights, input));
    const results = Object.fromEntries(wide.map(([name, { data }]) => [name, Float32Array.from(data)]));
    return { description: 'float64 reference', results };
  },
};

const faces = ({ input }: Golden): number => input.shape[0] ?? 0;
