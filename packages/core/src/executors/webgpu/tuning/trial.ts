import type { encodeStep, Step } from '../build.js';

/** Where single kernels are run. */
export interface TrialOptions {
  readonly device: GPUDevice;
  /** Handed over, not imported: what is loaded for tuning alone then shares no code, and little has to be loaded. */
  readonly encode: typeof encodeStep;
  /** The run's uniform, which is written. */
  readonly uniform: GPUBuffer;
  readonly faces: number;
}

/** Runs single kernels of a program, between its runs, on the program's own buffers: every run computes them anew. */
export class Trial {
  readonly #device: GPUDevice;
  readonly #uniform: GPUBuffer;
  readonly #faces: number;
  readonly #encodeStep: TrialOptions['encode'];

  constructor({ device, uniform, faces, encode }: TrialOptions) {
    this.#device = device;
    this.#uniform = uniform;
    this.#faces = faces;
    this.#encodeStep = encode;
  }

  /** Gives what the step reads numbers like the network's own: of order 1, both signs, no two rows alike. */
  prepare({ inputs }: Step): void {
    inputs.forEach(({ buffer, bytes }, which) => {
      this.#device.queue.writeBuffer(buffer, 0, noise(bytes / 4, which));
    });
  }

  /** What the step computes. */
  async outcome(step: Step): Promise<Float32Array> {
    const { buffer, bytes } = step.output;
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const staging = this.#device.createBuffer({ label: 'tuning', size: bytes, usage: COPY_DST | MAP_READ });
    try {
      const encoder = this.#device.createCommandEncoder({ label: 'tuning' });
      // Nothing of an earlier outcome may be left where a kernel fails to write.
      encoder.clearBuffer(buffer, 0, bytes);
      this.#encode(encoder, step, 1);
      encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
      this.#device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      return new Float32Array(staging.getMappedRange().slice(0));
    } finally {
      staging.destroy();
    }
  }

  /** Milliseconds from submission until the step has run so many times, if there is one. */
  async time(step: Step | undefined, times: number): Promise<number> {
    const encoder = this.#device.createCommandEncoder({ label: 'tuning' });
    if (step) this.#encode(encoder, step, times);
    const commands = encoder.finish();
    const start = performance.now();
    this.#device.queue.submit([commands]);
    await this.#device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  }

  #encode(encoder: GPUCommandEncoder, step: Step, times: number): void {
    this.#device.queue.writeBuffer(this.#uniform, 0, Uint32Array.of(this.#faces));
    const pass = encoder.beginComputePass({ label: step.label });
    for (let i = 0; i < times; i++) this.#encodeStep(pass, step, this.#faces);
    pass.end();
  }
}

function noise(length: number, seed: number): Float32Array<ArrayBuffer> {
  const numbers = new Float32Array(length);
  let state = 0x9e3779b9 ^ seed;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223;
    numbers[i] = (state >>> 8) / 2 ** 23 - 1;
  }
  return numbers;
}

/**
 * Whether two outcomes of one computation differ by no more than rounding: in float32 a thousandth of the largest
 * number, which is far above what an order of sums makes and far below what a wrong row or column makes; twenty times as
 * much where products are computed in half precision.
 */
export function agree(actual: Float32Array, expected: Float32Array, half: boolean): boolean {
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const tolerance = (half ? 2e-2 : 1e-3) * largest;
  // Not "no difference is larger": that would let through what is not a number.
  return largest > 0 && actual.every((value, i) => Math.abs(value - (expected[i] as number)) <= tolerance);
}
