import type { OutputSelection } from '../config.js';
import type { Engine, RawOutputs } from '../engine.js';
import { InvalidInputError } from '../errors.js';
import { swinFace } from '../model.js';
import { deliver, type WeightsInput } from './arrivals.js';
import { foundChoice } from './choice.js';
import { describeAdapter, isSoftware } from './device.js';
import { RecordingOps } from './graph.js';
import { lower } from './lower.js';
import { mapParameters, parametersOf } from './parameters.js';
import type { KernelTime } from './profile.js';
import { Program, type ProgramStatistics } from './program.js';
import type { Storage } from './storage.js';
import { adapterKey, type Findings, findingsStore } from './tuning/findings.js';

export interface CompileOptions {
  /** Stays the caller's: `dispose` does not destroy it. */
  readonly device: GPUDevice;
  readonly selection: OutputSelection;
  /**
   * Of the same selection, not kept: folded (`foldWeights`), or a promise of that, or stored tensors part by part
   * (`RemoteModel.read`), which then go to the GPU one kernel after another and are not in memory all at once. Pipelines
   * depend on shapes alone, so they compile while weights are on their way. Where compiling fails before all parts
   * came, ending their source is its owner's affair.
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
  /** Reads FM1..FM4 back as well, for parity checks. */
  readonly keepLevels?: boolean;
  /** Aborts the compilation. */
  readonly signal?: AbortSignal;
  /** Receives the fraction of the weights that is on the GPU, 0..1. */
  readonly onProgress?: (fraction: number) => void;
}

/**
 * The network on WebGPU: recorded once, compiled to a fixed list of kernels, run with one submission and one read-back
 * whatever the number of faces and tasks.
 *
 * @example
 * const { device } = await requestDevice();
 * const engine = await WebGpuEngine.compile({ device, selection, weights: foldWeights(weights), maxFaces: 4 });
 * const { embeddings, logits } = await engine.run(images, 2);
 * engine.dispose();
 */
export class WebGpuEngine implements Engine {
  readonly kind = 'webgpu';
  readonly description: string;
  readonly selection: OutputSelection;
  readonly #program: Program;
  readonly #keepLevels: boolean;
  #tuned: Promise<void> = Promise.resolve();

  private constructor(program: Program, selection: OutputSelection, keepLevels: boolean) {
    this.#program = program;
    this.selection = selection;
    this.#keepLevels = keepLevels;
    this.description = `WebGPU (${describeAdapter(program.device.adapterInfo)})`;
  }

  /**
   * @throws {InvalidInputError} if `maxFaces` is not a positive integer, the weights are not those of the selection or
   * not folded, or the config has widths the kernels do not support
   * @throws {UnsupportedDeviceError} if the device's limits or memory are too small
   * @throws {DeviceLostError} if the device is lost, before or meanwhile
   * @throws what the promise or the parts of the weights reject with
   * @throws the signal's reason if aborted
   */
  static async compile(options: CompileOptions): Promise<WebGpuEngine> {
    const {
      device,
      selection,
      weights,
      maxFaces,
      storage = 'f32',
      tuning = 'auto',
      keepLevels = false,
      signal,
      onProgress,
    } = options;
    if (!Number.isInteger(maxFaces) || maxFaces < 1) {
      throw new InvalidInputError('maxFaces is invalid.', { expected: 'a positive integer', actual: String(maxFaces) });
    }
    const ops = new RecordingOps();
    const { image } = selection.config;
    const input = ops.input([maxFaces, 3, image, image]);
    const parameters = parametersOf(selection);
    const recorded = mapParameters(parameters, (parameter, path) => ops.constant(parameter, path));
    const { levels, embedding, logits } = swinFace(ops, selection, recorded, input);
    const outputs = [embedding, logits, ...(keepLevels ? levels : [])].filter((node) => node !== undefined);
    const plan = lower(input, outputs, { maxFaces, storage });
    const hooks = { signal, onProgress, weights: deliver(parameters, weights) };
    const adapter = tuning === 'auto' && !isSoftware(device.adapterInfo) ? adapterKey(device.adapterInfo) : undefined;
    const known = adapter === undefined ? new Map<string, string>() : await findingsStore.load(adapter);
    const program = await Program.compile(device, plan, foundChoice(device, known, maxFaces), hooks);
    const engine = new WebGpuEngine(program, selection, keepLevels);
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

  /** float32 [maxFaces, 3, 112, 112], RGB in [-1, 1]; for kernels that write faces on the GPU, see {@link runFromInput}. */
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
   * @param images RGB in [-1, 1], [count, 3, 112, 112]
   * @throws {InvalidInputError} if the length does not fit `count`, or `count` is not within 1..maxFaces
   * @throws {DisposedError} if disposed, before or meanwhile
   * @throws {DeviceLostError} if the device is lost, before or meanwhile
   */
  async run(images: Float32Array, count: number): Promise<RawOutputs> {
    this.#assertCount(count);
    const { image } = this.selection.config;
    const expected = count * 3 * image * image;
    if (images.length !== expected) {
      throw new InvalidInputError('The images have the wrong size.', {
        expected: `${expected} numbers: ${count} faces of 3 x ${image} x ${image}`,
        actual: `${images.length}`,
      });
    }
    return this.#run(count, () => this.device.queue.writeBuffer(this.input, 0, images as Float32Array<ArrayBuffer>));
  }

  /**
   * Runs the network on faces that are, or are about to be, in {@link input}: what `encodeInput` encodes runs first, in
   * the same submission.
   *
   * @throws as {@link run}
   */
  async runFromInput(count: number, encodeInput: (encoder: GPUCommandEncoder) => void): Promise<RawOutputs> {
    this.#assertCount(count);
    return this.#run(count, encodeInput);
  }

  /**
   * Time of every kernel in the order they run, on whatever the input holds.
   *
   * @throws {UnsupportedDeviceError} if the device lacks `timestamp-query`
   */
  async profile(count: number): Promise<KernelTime[]> {
    this.#assertCount(count);
    return this.#program.profile(count);
  }

  /** Frees every buffer; runs under way reject with `DisposedError`. The device stays the caller's. */
  dispose(): void {
    this.#program.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #assertCount(count: number): void {
    if (Number.isInteger(count) && count >= 1 && count <= this.maxFaces) return;
    throw new InvalidInputError('The number of faces is out of range.', {
      expected: `an integer within 1..${this.maxFaces}`,
      actual: String(count),
    });
  }

  async #run(count: number, prepare: (encoder: GPUCommandEncoder) => void): Promise<RawOutputs> {
    const { recognition, logits } = this.selection;
    const outputs = await this.#program.run(count, prepare);
    const perFace = count / this.maxFaces;
    // Faces come first in every output, so those that were not asked for are the tail.
    const next = () => {
      const whole = outputs.shift() ?? new Float32Array();
      return whole.slice(0, whole.length * perFace);
    };
    return {
      count,
      ...(recognition ? { embeddings: next() } : {}),
      ...(logits > 0 ? { logits: next() } : {}),
      ...(this.#keepLevels ? { levels: [next(), next(), next(), next()] as const } : {}),
    };
  }
}

/** Most milliseconds of measuring after a compilation; what is left is found after the next one. */
const TUNING_BUDGET = 300;

/** Tunes a program. That it could not be finished, or not be kept, is nobody's failure. */
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
    // Disposed, lost or aborted: whoever did that knows.
  }
}
