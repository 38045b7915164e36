import { anySignal, untilAborted } from '../../abort.js';
import { DisposedError, SwinFaceError } from '../../errors.js';
import { type Build, build, type CompileHooks, encodeStep, type Step, withVariant } from './build.js';
import { type Findings, identify } from './findings.js';
import { BufferLedger } from './ledger.js';
import { LossWatch } from './loss.js';
import type { Plan } from './lower.js';
import { pipelineCache } from './pipelines.js';
import type { KernelTime } from './profile.js';
import { StagingPool } from './staging.js';
import type { Tuned } from './tuning/tune.js';
import { isSupported, type VariantChooser } from './variants.js';

/** What a compiled network costs, and what it has done so far. */
export interface ProgramStatistics {
  /** Kernels of one run, whatever the number of faces. */
  readonly dispatches: number;
  readonly weightBytes: number;
  /** Buffers of everything between the kernels, input and outputs included. */
  readonly activationBytes: number;
  /** All buffers alive now, staging included; 0 after `dispose`. */
  readonly bytesAlive: number;
  /** Command buffers submitted and staging buffers mapped since compilation: one each per run. */
  readonly submits: number;
  readonly readbacks: number;
}

/** A plan on a device: pipelines, weights and buffers, ready to run. */
export class Program {
  readonly device: GPUDevice;
  readonly maxFaces: number;
  readonly #build: Build;
  readonly #ledger: BufferLedger;
  readonly #loss: LossWatch;
  readonly #staging: StagingPool;
  readonly #ending = new AbortController();
  #steps: readonly Step[];
  #latest: Promise<unknown> = Promise.resolve();
  #submits = 0;
  #readbacks = 0;
  #disposed = false;

  private constructor(device: GPUDevice, maxFaces: number, built: Build, ledger: BufferLedger, loss: LossWatch) {
    this.device = device;
    this.maxFaces = maxFaces;
    this.#build = built;
    this.#steps = built.steps;
    this.#ledger = ledger;
    this.#loss = loss;
    this.#staging = new StagingPool(
      ledger,
      built.outputs.reduce((sum, { bytes }) => sum + bytes, 0),
    );
  }

  /**
   * @throws {UnsupportedDeviceError} if a buffer would exceed the device's limits or its memory
   * @throws {DeviceLostError} if the device is lost, before or meanwhile
   * @throws the signal's reason if aborted
   */
  static async compile(
    device: GPUDevice,
    plan: Plan,
    choose: VariantChooser,
    { signal, ...hooks }: CompileHooks & { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Program> {
    signal?.throwIfAborted();
    const ledger = new BufferLedger(device);
    const loss = new LossWatch(device);
    try {
      const built = await untilAborted(loss.guard(build(device, plan, choose, ledger, hooks)), signal);
      return new Program(device, plan.maxFaces, built, ledger, loss);
    } catch (error) {
      // Also stops what is still being built.
      ledger.clear();
      throw error;
    }
  }

  /** The network's input, float32, for `maxFaces` faces. */
  get input(): GPUBuffer {
    return this.#build.input;
  }

  get statistics(): ProgramStatistics {
    const { weightBytes, activationBytes } = this.#build;
    return {
      dispatches: this.#steps.length,
      weightBytes,
      activationBytes,
      bytesAlive: this.#ledger.bytes,
      submits: this.#submits,
      readbacks: this.#readbacks,
    };
  }

  /**
   * Runs every kernel on the first `faces` faces of the input, in one submission. Calls may overlap: everything up to
   * the submission happens before this method first awaits, and every call has a staging buffer of its own.
   *
   * @param prepare fills the input, by writes to the queue or by commands encoded before the kernels
   * @returns each output of the plan, whole: elements of faces past `faces` mean nothing
   * @throws {DisposedError} if disposed, before or meanwhile
   * @throws {DeviceLostError} if the device is lost, before or meanwhile
   */
  run(faces: number, prepare: (encoder: GPUCommandEncoder) => void): Promise<Float32Array[]> {
    const running = this.#run(faces, prepare);
    this.#latest = running.catch(() => {});
    return running;
  }

  async #run(faces: number, prepare: (encoder: GPUCommandEncoder) => void): Promise<Float32Array[]> {
    this.#assertUsable();
    const staging = this.#staging.take();
    try {
      const refusal = this.#submit(faces, staging, prepare);
      const [error] = await this.#loss.guard(Promise.all([refusal, staging.mapAsync(GPUMapMode.READ)]));
      if (error) throw new SwinFaceError('INTERNAL', `The GPU refused a run: ${error.message}`, { cause: error });
      this.#readbacks++;
      const range = staging.getMappedRange();
      return this.#build.outputs.map(({ offset, bytes }) => new Float32Array(range.slice(offset, offset + bytes)));
    } catch (cause) {
      this.#assertUsable(cause);
      await this.#loss.afterFailure();
      this.#assertUsable(cause);
      throw cause;
    } finally {
      staging.unmap();
      this.#staging.give(staging);
    }
  }

  /**
   * Time of every kernel in the order they run, on whatever the input holds.
   *
   * @throws {UnsupportedDeviceError} if the device lacks `timestamp-query`
   * @throws {DisposedError} after `dispose`
   */
  async profile(faces: number): Promise<KernelTime[]> {
    const { profileSteps } = await import('./profile.js');
    this.#assertUsable();
    this.device.queue.writeBuffer(this.#build.uniform, 0, Uint32Array.of(faces));
    return this.#loss.guard(profileSteps(this.device, this.#steps, (pass, step) => encodeStep(pass, step, faces)));
  }

  /**
   * Finds the fastest variant of every kernel for `maxFaces` faces and uses it from then on. Waits while runs are under
   * way; runs that come meanwhile wait for one measurement at most.
   *
   * @param known findings of earlier times, which are used without being looked for again
   * @param budget most milliseconds of measuring
   * @throws {DisposedError} if disposed, before or meanwhile
   * @throws {DeviceLostError} if the device is lost, before or meanwhile
   * @throws the signal's reason if aborted
   */
  async tune(known: Findings, budget: number, signal?: AbortSignal): Promise<Tuned> {
    this.#assertUsable();
    try {
      const open = this.#withoutFinding(known);
      // Where there is nothing to be found out, the code that would is not even loaded.
      const tuned =
        open.size === 0
          ? { findings: known, complete: true }
          : await this.#loss.guard(this.#measure(open, known, budget, signal));
      this.#steps = await this.#withFindings(tuned.findings);
      return tuned;
    } catch (cause) {
      this.#assertUsable(cause);
      throw cause;
    }
  }

  /** One step of each kernel that there is more than one way to compute, and no finding which is fastest. */
  #withoutFinding(known: Findings): ReadonlyMap<string, Step> {
    const open = new Map<string, Step>();
    for (const step of this.#steps) {
      if (step.variants.length < 2) continue;
      const identity = identify(step, this.maxFaces);
      if (!known.has(identity) && !open.has(identity)) open.set(identity, step);
    }
    return open;
  }

  async #measure(
    open: ReadonlyMap<string, Step>,
    known: Findings,
    budget: number,
    signal: AbortSignal | undefined,
  ): Promise<Tuned> {
    const { tune } = await import('./tuning/tune.js');
    return tune({
      device: this.device,
      open,
      others: (step) => this.#others(step),
      encode: encodeStep,
      uniform: this.#build.uniform,
      faces: this.maxFaces,
      known,
      budget,
      signal: anySignal(signal, this.#ending.signal),
      idle: () => this.#idle(),
    });
  }

  /** A step in the other ways that this device supports and compiles. */
  async *#others(step: Step): AsyncGenerator<Step> {
    const cache = pipelineCache(this.device);
    for (const variant of step.variants) {
      if (variant.name === step.variant.name || !isSupported(this.device, variant)) continue;
      const other = await withVariant(step, variant, this.device, cache).catch(() => undefined);
      if (other) yield other;
    }
  }

  /** Frees every buffer; runs under way reject with {@link DisposedError}. The device stays its owner's. */
  dispose(): void {
    this.#disposed = true;
    this.#ending.abort();
    this.#ledger.clear();
  }

  #assertUsable(cause?: unknown): void {
    if (this.#disposed) throw new DisposedError('The network was disposed.', { cause });
    this.#loss.assertAlive();
  }

  /** The steps as findings would have them. */
  #withFindings(findings: Findings): Promise<Step[]> {
    const cache = pipelineCache(this.device);
    return Promise.all(
      this.#steps.map((step) => {
        const name = findings.get(identify(step, this.maxFaces));
        const variant = step.variants.find((other) => other.name === name && isSupported(this.device, other));
        if (!variant || variant === step.variant) return step;
        // A driver may have changed since the finding was made.
        return withVariant(step, variant, this.device, cache).catch(() => step);
      }),
    );
  }

  /** Settles when no run is under way and the page has nothing better to do. */
  async #idle(): Promise<void> {
    let seen: Promise<unknown>;
    do {
      seen = this.#latest;
      await seen;
      await restful();
    } while (seen !== this.#latest);
  }

  /** Encodes and submits. Resolves to what the device had against it, if anything. */
  #submit(faces: number, staging: GPUBuffer, prepare: (encoder: GPUCommandEncoder) => void): Promise<GPUError | null> {
    const { queue } = this.device;
    this.device.pushErrorScope('validation');
    try {
      const encoder = this.device.createCommandEncoder({ label: 'swinface' });
      prepare(encoder);
      queue.writeBuffer(this.#build.uniform, 0, Uint32Array.of(faces));
      const pass = encoder.beginComputePass({ label: 'swinface' });
      for (const step of this.#steps) encodeStep(pass, step, faces);
      pass.end();
      for (const { buffer, offset, bytes } of this.#build.outputs) {
        encoder.copyBufferToBuffer(buffer, 0, staging, offset, bytes);
      }
      queue.submit([encoder.finish()]);
      this.#submits++;
    } catch (error) {
      this.device.popErrorScope().catch(() => {});
      throw error;
    }
    return this.device.popErrorScope();
  }
}

/** Settles when the event loop is idle, where one can ask; soon elsewhere. */
const restful = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof requestIdleCallback === 'function') requestIdleCallback(() => resolve());
    else setTimeout(resolve, 0);
  });
