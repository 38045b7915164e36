import { DisposedError, InvalidInputError, UnsupportedDeviceError } from '../../errors.js';
import { arrange, type Network, pick, type WeightMap } from '../../networks/network.js';
import { Pacer } from '../../pacer.js';
import {
  checkCount,
  checkEngineOptions,
  checkImages,
  checkPositive,
  type Engine,
  type NetworkResults,
} from '../engine.js';
import { record } from '../record.js';
import { lower } from './lower.js';
import { bindKernels, compileKernels, type Kernels, MOST_PAGES } from './module.js';
import type { Plan } from './plan.js';
import { partsFor, runStep } from './steps.js';
import { defaultThreads, ThreadPool } from './threads.js';

/** Faces of one pass: more share the loading of weights, fewer stay in the caches. */
const FACES_PER_PASS = 4;
/** Work between two looks at the clock, in multiplications and additions: a few milliseconds. */
const WORK_SLICE = 60e6;
const PAGE = 65_536;
/** Threads do not write to one line. */
const CACHE_LINE = 64;

/** What a {@link WasmEngine} is made from. */
export interface WasmEngineOptions {
  readonly network: Network;
  /** By checkpoint name. Not kept. */
  readonly weights: WeightMap;
  /** Most faces of one run; memory does not depend on it. */
  readonly maxFaces: number;
  /**
   * Threads that compute, in workers of their own. More than one needs a cross-origin isolated page, where half the
   * machine's logical processors, at most 8, is the default; elsewhere the calling thread computes.
   */
  readonly threads?: number;
  /** Aborts the compilation. */
  readonly signal?: AbortSignal;
}

/**
 * A network on WebAssembly with SIMD: the fallback where there is no GPU. It computes in threads where the page may have
 * them, else on the thread that calls it, and lets other tasks pass every few milliseconds.
 *
 * @example
 * const engine = await WasmEngine.create({ network: networkOf(selection), weights, maxFaces: 16 });
 * const { embedding, logits } = await engine.run(images, 2);
 * engine.dispose();
 */
export class WasmEngine implements Engine {
  readonly kind = 'wasm';
  readonly description: string;
  readonly network: Network;
  readonly maxFaces: number;
  #loaded: LoadedPlan | undefined;
  /** Runs take turns: there is one set of activations. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: WasmEngineOptions, loaded: LoadedPlan, fused: boolean) {
    const { threads } = loaded;
    this.network = options.network.folded;
    this.maxFaces = options.maxFaces;
    this.#loaded = loaded;
    const count = threads === 1 ? '1 thread' : `${threads} threads`;
    this.description = `WebAssembly (${fused ? 'relaxed SIMD' : 'SIMD'}, ${count})`;
  }

  /**
   * Compiles the kernels and packs the weights.
   *
   * @throws {InvalidInputError} if `maxFaces` is not a positive integer, or the network has sizes that the kernels do not
   * support
   * @throws {WeightsInvalidError} if a tensor is missing or misshapen
   * @throws {UnsupportedDeviceError} if there is no WebAssembly with SIMD, or too little memory
   * @throws the signal's reason if aborted
   */
  static async create(options: WasmEngineOptions): Promise<WasmEngine> {
    checkEngineOptions(options);
    const { weights, maxFaces, threads = defaultThreads(), signal } = options;
    const network = options.network.folded;
    checkPositive('threads', threads);
    if (threads > 1 && globalThis.crossOriginIsolated !== true) {
      throw new InvalidInputError('Threads need a cross-origin isolated page.', {
        expected: 'the headers Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy, or 1 thread',
        actual: `${threads} threads`,
      });
    }
    const compiled = await compileKernels(threads > 1);
    const capacity = Math.min(maxFaces, FACES_PER_PASS);
    const arranged = arrange(network, weights);
    const { input, outputs } = record(network, capacity, (path) => pick(arranged, path));
    const plan = lower(input, outputs, capacity);
    const scratchBytes = Math.ceil(plan.scratchBytes / CACHE_LINE) * CACHE_LINE;
    const memory = allocate(Math.ceil((plan.placement.bytes + threads * scratchBytes) / PAGE), threads > 1);
    await fill(memory, plan, signal);
    const { steps, placement } = plan;
    // Threads that do not start, for a policy say, are no reason to go without an answer.
    const pool =
      threads === 1
        ? undefined
        : await ThreadPool.start(compiled, memory, steps, threads, placement.bytes, scratchBytes).catch(
            () => undefined,
          );
    const loaded = new LoadedPlan(
      plan,
      memory,
      await bindKernels(compiled, memory),
      capacity,
      pool ? threads : 1,
      pool,
    );
    return new WasmEngine(options, loaded, compiled.fused);
  }

  /** Bytes of the wasm memory; 0 after `dispose`. */
  get bytes(): number {
    return this.#loaded?.memory.buffer.byteLength ?? 0;
  }

  /**
   * Calls may overlap; they are served one after another.
   *
   * @param images RGB in [-1, 1], [count, 3, height, width]
   * @throws {InvalidInputError} if the length does not fit `count`, or `count` is not within 1..maxFaces
   * @throws {DisposedError} if disposed, before or meanwhile
   */
  async run(images: Float32Array, count: number): Promise<NetworkResults> {
    checkCount(count, this.maxFaces);
    checkImages(this.network, images, count);
    const result = this.#turn.then(() => this.#run(images, count));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Lets go of the memory; runs under way reject with {@link DisposedError}. Idempotent. */
  dispose(): void {
    this.#loaded?.dispose();
    this.#loaded = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #run(images: Float32Array, count: number): Promise<NetworkResults> {
    const results = await this.#usable()
      .run(images, count, () => this.#usable())
      .catch((cause: unknown) => {
        this.#usable();
        throw cause;
      });
    return Object.fromEntries(
      this.network.outputs.map(({ name }, index) => [name, results[index] ?? new Float32Array()]),
    );
  }

  #usable(): LoadedPlan {
    if (!this.#loaded) throw new DisposedError('The network was disposed.');
    return this.#loaded;
  }
}

/** A plan on a memory. */
class LoadedPlan {
  readonly memory: WebAssembly.Memory;
  readonly threads: number;
  readonly #plan: Plan;
  readonly #kernels: Kernels;
  readonly #capacity: number;
  readonly #pool: ThreadPool | undefined;

  constructor(
    plan: Plan,
    memory: WebAssembly.Memory,
    kernels: Kernels,
    capacity: number,
    threads: number,
    pool: ThreadPool | undefined,
  ) {
    this.#plan = plan;
    this.memory = memory;
    this.#kernels = kernels;
    this.#capacity = capacity;
    this.threads = threads;
    this.#pool = pool;
  }

  /** @param check called after others had their turn; throws to stop */
  async run(images: Float32Array, count: number, check: () => void): Promise<Float32Array[]> {
    const { placement, input, outputs } = this.#plan;
    const results = outputs.map(({ rows, width }) => new Float32Array(rows * width * count));
    const perImage = images.length / count;
    const view = (region: typeof input, length: number) =>
      new Float32Array(this.memory.buffer, placement.addressOf(region), length);
    for (let first = 0; first < count; first += this.#capacity) {
      const faces = Math.min(this.#capacity, count - first);
      view(input, faces * perImage).set(images.subarray(first * perImage, (first + faces) * perImage));
      await (this.#pool?.run(faces) ?? this.#runHere(faces, check));
      check();
      outputs.forEach(({ region, rows, width, stride }, i) => {
        const values = view(region, rows * stride * faces);
        results[i]?.set(stride === width ? values : unpadded(values, width, stride), rows * width * first);
      });
    }
    return results;
  }

  dispose(): void {
    this.#pool?.dispose();
  }

  async #runHere(faces: number, check: () => void): Promise<void> {
    const { placement, steps } = this.#plan;
    const pacer = new Pacer();
    for (const planned of steps) {
      const parts = partsFor(planned, faces, WORK_SLICE);
      for (let part = 0; part < parts; part++) {
        runStep(this.#kernels, planned.step, faces, part, parts, placement.bytes);
        await pacer.rest();
        check();
      }
    }
  }
}

/** Rows of `width` numbers without what pads them to `stride`. */
function unpadded(values: Float32Array, width: number, stride: number): Float32Array {
  const rows = new Float32Array((values.length / stride) * width);
  for (let from = 0, to = 0; from < values.length; from += stride, to += width) {
    for (let i = 0; i < width; i++) rows[to + i] = values[from + i] as number;
  }
  return rows;
}

function allocate(pages: number, shared: boolean): WebAssembly.Memory {
  if (pages <= MOST_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
    } catch {
      // The error below says so.
    }
  }
  throw new UnsupportedDeviceError('There is not enough memory for the network.', {
    expected: `${Math.ceil((pages * PAGE) / 2 ** 20)} MiB of WebAssembly memory`,
  });
}

/** Writes every constant, letting other tasks pass. */
async function fill(memory: WebAssembly.Memory, { layout, placement }: Plan, signal: AbortSignal | undefined) {
  const pacer = new Pacer();
  for (const constant of layout.constants) {
    const target = new DataView(memory.buffer, placement.addressOf(constant), constant.bytes);
    for (let part = 0; part < constant.parts; part++) {
      constant.fill(target, part);
      await pacer.rest();
      signal?.throwIfAborted();
    }
  }
  signal?.throwIfAborted();
}
