/** The page that holds every engine. The command line decides what runs when; the page runs and measures. */
import {
  fetchModel,
  type ModelConfig,
  type Network,
  type NetworkResults,
  networkOf,
  PRESETS,
  rawOutputs,
  selectOutputs,
  type WeightMap,
} from '@swinface/core';
import { syntheticInput, syntheticWeights } from '../../packages/testing/src/synthetic.js';
import { type ConvolutionalName, convolutional, perFace } from './convolutional.js';
import { type Cost, countCosts } from './costs.js';
import { countGpuCalls, type GpuCalls } from './counters.js';
import { type Contestant, type EngineInput, type RunningEngine, Skipped } from './engine.js';
import { longestTask } from './long-tasks.js';
import { onnxruntime } from './onnxruntime.js';
import { measurePeak, type Peak } from './peak.js';
import { swinfaceWasm } from './swinface-wasm.js';
import { swinfaceWebGpu } from './swinface-webgpu.js';
import { tfjs } from './tfjs.js';

const CONTESTANTS: readonly Contestant[] = [
  swinfaceWebGpu('webgpu', 'f32'),
  swinfaceWebGpu('webgpu-f16', 'f16'),
  swinfaceWebGpu('webgpu-int8', 'int8'),
  onnxruntime('ort-webgpu', 'webgpu'),
  tfjs('tfjs-webgpu', 'webgpu'),
  swinfaceWasm,
  onnxruntime('ort-wasm', 'wasm'),
  tfjs('tfjs-wasm', 'wasm'),
];

/** Models by the name that the command line uses. */
export type ModelName = 'nano' | 't' | ConvolutionalName;

/** What opening an engine took, or why it was not opened. */
export type Opened =
  | { readonly skipped: string }
  | {
      readonly description: string;
      /** Milliseconds to a network that is ready; compiling included. */
      readonly create: number;
      /** Milliseconds until its weights were on the device, where it tells. */
      readonly upload?: number;
      /** Milliseconds of the first run, of one face. */
      readonly firstRun: number;
      /** The main thread's longest task from the start to the first result, milliseconds. */
      readonly longestTask: number;
      /** Bytes on the device or in the engine's tensors. */
      readonly deviceBytes?: number;
      /** Growth of the page's memory, its workers' included, after a garbage collection. */
      readonly pageBytes?: number;
      /** It can tell the GPU time of its kernels. */
      readonly profiles: boolean;
    };

/** One measured run. */
export interface Measured {
  readonly milliseconds: number;
  readonly embeddings?: readonly number[];
  readonly logits?: readonly number[];
  readonly calls?: GpuCalls;
}

/** A network and its weights. */
type Source = Pick<EngineInput, 'network' | 'weights'>;

/** The default weights with the network that their manifest describes, a large network with made-up weights, and others. */
async function sourceOf(name: ModelName): Promise<Source> {
  const swinface = (config: ModelConfig, weights: WeightMap): Source => ({
    network: networkOf(selectOutputs(config)),
    weights,
  });
  if (name === 'nano') {
    const { manifest, weights } = await fetchModel('/models/swinface-nano.json');
    return swinface(manifest.config, weights);
  }
  if (name === 't') return swinface(PRESETS['swinface-t'], syntheticWeights(PRESETS['swinface-t']));
  return convolutional(name, async (file) => new Uint8Array(await (await fetch(`/models/${file}`)).arrayBuffer()));
}

/** Networks that find faces have no embedding: all of their outputs are compared as if they were one. */
const comparable = (name: ModelName, network: Network, outputs: NetworkResults, count: number) => {
  if (name !== 'nano' && name !== 't') return { embeddings: perFace(network, outputs, count), logits: [] };
  const { embeddings, logits } = rawOutputs(outputs, count);
  return { embeddings: [...(embeddings ?? [])], logits: [...(logits ?? [])] };
};

let current: { readonly name: ModelName; readonly input: Omit<EngineInput, 'onUploaded'> } | undefined;
const running = new Map<string, RunningEngine>();

function input() {
  if (!current) throw new Error('No model is loaded.');
  return current.input;
}

function engine(id: string): RunningEngine {
  const found = running.get(id);
  if (!found) throw new Error(`The engine ${id} is not open.`);
  return found;
}

/** `count` faces, alternating between the two of the golden input. */
function images(count: number): Float32Array {
  const { channels, height, width } = input().network.input;
  const two = syntheticInput('input', [2, channels, height, width]).data;
  const size = two.length / 2;
  const all = new Float32Array(count * size);
  for (let face = 0; face < count; face++) {
    const start = (face % 2) * size;
    all.set(two.subarray(start, start + size), face * size);
  }
  return all;
}

/** What the page and its workers hold, where the browser tells an isolated page. */
async function pageBytes(): Promise<number | undefined> {
  const { measureUserAgentSpecificMemory } = performance as unknown as {
    measureUserAgentSpecificMemory?: () => Promise<{ readonly bytes: number }>;
  };
  return crossOriginIsolated ? (await measureUserAgentSpecificMemory?.call(performance))?.bytes : undefined;
}

const calls = {
  contestants: (): string[] => CONTESTANTS.map(({ id }) => id),

  peak: (): Promise<Peak> => measurePeak(),

  /** Loads a model in place of the one before; engines must be closed. */
  async load(name: ModelName, maxFaces: number, threads: number): Promise<void> {
    current = { name, input: { ...(await sourceOf(name)), maxFaces, threads } };
  },

  async open(id: string): Promise<Opened> {
    const contestant = CONTESTANTS.find((candidate) => candidate.id === id);
    if (!contestant) throw new Error(`There is no engine ${id}.`);
    const before = await pageBytes();
    const face = images(1);
    // A task of its own, so that making the input does not count as a long task of the engine.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const start = performance.now();
    let upload: number | undefined;
    const onUploaded = () => {
      upload = performance.now() - start;
    };
    try {
      const opened = await contestant.open({ ...input(), onUploaded });
      running.set(id, opened);
      const created = performance.now();
      await opened.run(face, 1);
      const done = performance.now();
      const longest = await longestTask(start);
      const after = await pageBytes();
      const deviceBytes = opened.bytes?.();
      return {
        description: opened.description,
        create: created - start,
        ...(upload === undefined ? {} : { upload }),
        firstRun: done - created,
        longestTask: longest,
        ...(deviceBytes === undefined ? {} : { deviceBytes }),
        ...(before === undefined || after === undefined ? {} : { pageBytes: after - before }),
        profiles: opened.profile !== undefined,
      };
    } catch (error) {
      if (error instanceof Skipped) return { skipped: error.message };
      throw error;
    }
  },

  /** @param check also give the outputs and count what was asked of the GPU, which takes some time itself */
  async run(id: string, count: number, check: boolean): Promise<Measured> {
    const faces = images(count);
    if (!check) {
      const start = performance.now();
      await engine(id).run(faces, count);
      return { milliseconds: performance.now() - start };
    }
    let outputs: Awaited<ReturnType<RunningEngine['run']>> | undefined;
    let milliseconds = 0;
    const gpuCalls = await countGpuCalls(async () => {
      const start = performance.now();
      outputs = await engine(id).run(faces, count);
      milliseconds = performance.now() - start;
    });
    const { network } = input();
    return { milliseconds, ...comparable(current?.name ?? 'nano', network, outputs ?? {}, count), calls: gpuCalls };
  },

  async profile(id: string, count: number) {
    return (await engine(id).profile?.(count)) ?? [];
  },

  costs: (count: number): readonly Cost[] => countCosts(input().network.folded, count),

  async close(id: string): Promise<void> {
    const open = running.get(id);
    running.delete(id);
    await open?.dispose();
  },
};

/** What the command line may ask of the page. */
export type PageCalls = typeof calls;

Object.assign(globalThis, { bench: calls });
