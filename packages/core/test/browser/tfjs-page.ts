import { type ModelConfig, networkOf, rawOutputs, selectOutputs } from '@swinface/core';
import { type TfjsBackend, TfjsEngine } from '@swinface/core/tfjs';
import { WasmEngine } from '@swinface/core/wasm';
import type { MathBackendWebGL } from '@tensorflow/tfjs-backend-webgl';
import * as tf from '@tensorflow/tfjs-core';
import { syntheticInput, syntheticWeights } from '../../../testing/src/synthetic.js';
import { CASES } from '../ops/cases.js';
import { checkCase } from '../tfjs/check-case.js';

const WASM = '/node_modules/@tensorflow/tfjs-backend-wasm/dist/';

function create(
  backend: TfjsBackend,
  config: ModelConfig,
  maxFaces: number,
  wasmPaths: string = WASM,
): Promise<TfjsEngine> {
  const network = networkOf(selectOutputs(config), { levels: true });
  return TfjsEngine.create({ backend, network, weights: syntheticWeights(config), maxFaces, wasmPaths });
}

/** The golden input's first `count` faces. */
const input = (config: ModelConfig, count: number) =>
  syntheticInput('input', [count, 3, config.image, config.image]).data;

const plain = (values: Float32Array | undefined) => Array.from(values ?? []);

const calls = {
  /** Runs the operations' cases and gives the messages of those that failed. */
  async failures(backend: string): Promise<string[]> {
    if (!(await tf.setBackend(backend)) || tf.getBackend() !== backend) throw new Error(`${backend} does not run`);
    const failed: string[] = [];
    for (const name of Object.keys(CASES)) await checkCase(name).catch((error: Error) => failed.push(error.message));
    return failed;
  },

  /** Outputs of the golden input, and how many tensors were left behind. */
  async outputs(backend: TfjsBackend, config: ModelConfig, count: number) {
    const before = tf.engine().state.numTensors;
    const engine = await create(backend, config, count);
    const { embeddings, logits, levels } = rawOutputs(await engine.run(input(config, count), count), count);
    const { description } = engine;
    engine.dispose();
    const left = tf.engine().state.numTensors - before;
    return { description, left, embeddings: plain(embeddings), logits: plain(logits), levels: levels?.map(plain) };
  },

  /** Outputs of the WebAssembly engine with the threads that it takes by itself; the codes of calls while it is disposed of. */
  async wasmOutputs(config: ModelConfig, count: number) {
    const network = networkOf(selectOutputs(config), { levels: true });
    const engine = await WasmEngine.create({ network, weights: syntheticWeights(config), maxFaces: 2 * count });
    const { description } = engine;
    const { embeddings, logits, levels } = rawOutputs(await engine.run(input(config, count), count), count);
    const both = [engine.run(input(config, count), count), engine.run(input(config, count), count)];
    const codes = both.map((run) =>
      run.then(
        () => 'fine',
        (error: { code: string }) => error.code,
      ),
    );
    await Promise.race(codes);
    engine.dispose();
    return {
      description,
      embeddings: plain(embeddings),
      logits: plain(logits),
      levels: levels?.map(plain),
      codes: await Promise.all(codes),
    };
  },

  /** What `create` says where the .wasm files are not to be found. */
  withoutWasmFiles: (config: ModelConfig) =>
    create('wasm', config, 1, '/nowhere/').then(
      () => ({ code: 'none', message: '' }),
      ({ code, message }: { code: string; message: string }) => ({ code, message }),
    ),

  /** Codes of the errors of a run during which, and after which, the WebGL context is lost; then of one with a new engine. */
  async codesAfterContextLoss(config: ModelConfig): Promise<string[]> {
    const attempt = (engine: TfjsEngine) =>
      engine.run(input(config, 1), 1).then(
        () => 'fine',
        (error: { code: string }) => error.code,
      );
    const engine = await create('webgl', config, 1);
    const during = attempt(engine);
    const { gl } = (tf.findBackend('webgl') as MathBackendWebGL).gpgpu;
    gl.getExtension('WEBGL_lose_context')?.loseContext();
    const codes = [await during, await attempt(engine)];
    engine.dispose();
    const next = await create('webgl', config, 1);
    codes.push(await attempt(next));
    next.dispose();
    return codes;
  },
};

/** What the tests call in the page. */
export type PageCalls = typeof calls;
Object.assign(globalThis, { tfjsTests: calls });
