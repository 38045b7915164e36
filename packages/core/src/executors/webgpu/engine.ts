import { fuse } from '../../graph/fuse.js';
import type { Network } from '../../networks/network.js';
import { checkCount, checkEngineOptions, checkImages, type Engine, type NetworkResults } from '../engine.js';
import { record } from '../record.js';
import { Arrivals, type WeightsInput } from './arrivals.js';
import { adapterInfoOf, describeAdapter, isSoftware } from './device.js';
import { adapterKey, type Findings, findingsStore } from './findings.js';
import { isConvolutional, lower } from './lower.js';
import { Parameter } from './parameters.js';
import type { KernelTime } from './profile.js';
import { Program, type ProgramStatistics } from './program.js';
import type { Storage } from './storage.js';
import { foundChooser } from './variants.js';

export interface CompileOptions {
  /** Stays the caller's: `dispose` does not destroy it. */
  readonly device: GPUDevice;
  readonly network: Network;
  /**
   * By checkpoint name, not kept: whole, or a promise of that, or stored tensors part by part (`RemoteModel.read`), which
   * then go to the GPU one kernel after another and are not in memory all at once. Pipelines depend on shapes alone, so
   * they compile while weights are on their way. Where compiling fails before all parts came, ending their source is its
   * owner's affair.
   */
  readonly weights: WeightsInput;
  /** Most faces of one run; memory grows with it, a run's time with the faces it is given. */
  readonly maxFaces: number;
  /** Of the linear layers' and convolutions' weights; float32 by default. */
  readonly storage?: Storage;
  /**
   * `auto`, the default, finds the fastest kernels for this device while nothing else runs, within a fraction of a
   * second, and remembers them; software adapters are known already. `off` uses what is known beforehand.
   */
  readonly tuning?: 'auto' | 'off';
  /** Aborts the compilation. */
  readonly signal?: AbortSignal;
  /** Receives the fraction of the weights that is on the GPU, 0..1. */
  readonly onProgress?: (fraction: number) => void;
}

/**
 * A network on WebGPU: recorded once, compiled to a fixed list of kernels, run with one submission and one read-back
 * whatever the number of faces and tasks.
 *
 * @example
 * const { device } = await requestDevice();
 * const engine = await WebGpuEngine.compile({ device, network: networkOf(selection), weights, maxFaces: 4 });
 * const { embedding, logits } = await engine.run(images, 2);
 * engine.dispose();
 */
export class WebGpuEngine implements Engine {
  readonly kind = 'webgpu';
  readonly description: string;
  readonly network: Network;
  readonly #program: Program;
  #tuned: Promise<void> = Promise.resolve();

  private constructor(program: Program, network: Network) {
    this.#program = program;
    this.network = network;
    this.description = `WebGPU (${describeAdapter(adapterInfoOf(program.device))})`;
  }

  /**
   * @throws {InvalidInputError} if `maxFaces` is not a positive integer, or the network has widths the kernels do not
   * support
   * @throws {WeightsInvalidError} if a tensor is missing or misshapen
   * @throws {UnsupportedDeviceError} if the device's limits or memory are too small
   * @throws {DeviceLostError} if the device is lost, before or meanwhile
   * @throws what the promise or the parts of the weights reject with
   * @throws the signal's reason if aborted
   */
  static async compile(options: CompileOptions): Promise<WebGpuEngine> {
    checkEngineOptions(options);
    const { device, weights, maxFaces, storage = 'f32', tuning = 'auto', signal, onProgress } = options;
    const network = options.network.folded;
    const { input, outputs } = record(network, maxFaces, (path, recipe) => new Parameter(recipe, path));
    const fused = fuse(outputs);
    const more = isConvolutional(fused, outputs) ? await import('./lower-convolutional.js') : undefined;
    const plan = lower(input, outputs, fused, { maxFaces, storage }, more);
    const hooks = { signal, onProgress, weights: new Arrivals(network, weights) };
    const info = adapterInfoOf(device);
    const adapter = tuning === 'auto' && !isSoftware(info) ? adapterKey(info) : undefined;
    const known = adapter === undefined ? new Map<string, string>() : await findingsStore.load(adapter);
    const program = await Program.compile(device, plan, foundChooser(device, known, maxFaces), hooks);
    const engine = new WebGpuEngine(program, network);
    if (adapter !== undefined) engine.#tuned = tuneAndRemember(program, adapter, known, signal);
    return engine;
  }

  /** Settles when tuning has ended, however it ended; results do not depend on it. */
  get tuned(): Promise<void> {
    return this.#tuned;
  }

  get device(): GPUDevice {
    return this.#program.device;
  }

  get maxFaces(): number {
    return this.#program.maxFaces;
  }

  /** float32 [maxFaces, 3, height, width], RGB in [-1, 1]; for kernels that write faces on the GPU, see {@link runFromInput}. */
  get input(): GPUBuffer {
    return this.#program.input;
  }

  /** Sizes, and counts since compilation. */
  get statistics(): ProgramStatistics {
    return this.#program.statistics;
  }

  /**
   * Runs the network on faces in host memory. Calls may overlap. Numbers that are not finite give outputs that mean
   * nothing, for that face only.
   *
   * @param images RGB in [-1, 1], [count, 3, height, width]
   * @throws {InvalidInputError} if the length does not fit `count`, or `count` is not within 1..maxFaces
   * @throws {DisposedError} if disposed, before or meanwhile
   * @throws {DeviceLostError} if the device is lost, before or meanwhile
   */
  async run(images: Float32Array, count: number): Promise<NetworkResults> {
    checkCount(count, this.maxFaces);
    checkImages(this.network, images, count);
    return this.#run(count, () => this.device.queue.writeBuffer(this.input, 0, images as Float32Array<ArrayBuffer>));
  }

  /**
   * Runs the network on faces that are, or are about to be, in {@link input}: what `encodeInput` encodes runs first, in
   * the same submission.
   *
   * @throws as {@link run}
   */
  async runFromInput(count: number, encodeInput: (encoder: GPUCommandEncoder) => void): Promise<NetworkResults> {
    checkCount(count, this.maxFaces);
    return this.#run(count, encodeInput);
  }

  /**
   * Time of every kernel in the order they run, on whatever the input holds.
   *
   * @throws {UnsupportedDeviceError} if the device lacks `timestamp-query`
   */
  async profile(count: number): Promise<KernelTime[]> {
    checkCount(count, this.maxFaces);
    return this.#program.profile(count);
  }

  /** Frees every buffer; runs under way reject with `DisposedError`. The device stays the caller's. */
  dispose(): void {
    this.#program.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #run(count: number, prepare: (encoder: GPUCommandEncoder) => void): Promise<NetworkResults> {
    const results = await this.#program.run(count, prepare);
    const names = this.network.outputs.map(({ name }) => name);
    // Faces come first in every output, so those that were not asked for are the tail.
    return Object.fromEntries(
      results.map((whole, index) => [names[index], whole.slice(0, (whole.length / this.maxFaces) * count)]),
    );
  }
}

/** Most milliseconds of measuring after a compilation; what is left is found after the next one. */
const TUNING_BUDGET = 300;

/** Tunes a program. Where that fails, the kernels stay as they are, and the next compilation tries again. */
async function tuneAndRemember(
  program: Program,
  adapter: string,
  known: Findings,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    const { findings } = await program.tune(known, TUNING_BUDGET, signal);
    if (findings.size > known.size) await findingsStore.save(adapter, findings);
  } catch {
    // Disposed, lost or aborted: the engine's own calls say so.
  }
}
