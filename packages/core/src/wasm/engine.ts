import type { OutputSelection } from '../config.js';
import type { Engine, RawOutputs } from '../engine.js';
import { DisposedError, InvalidInputError, UnsupportedDeviceError } from '../errors.js';
import { type ModelWeights, swinFace } from '../model.js';
import type { HostTensor } from '../tensor.js';
import { RecordingOps } from '../webgpu/graph.js';
import { isHostTensor, mapWeights } from '../weights/assemble.js';
import { lower } from './lower.js';
import { bindKernels, compileKernels, type Kernels, MOST_PAGES } from './module.js';
import type { Plan } from './plan.js';
import { attentionScratch, productScratch } from './scratch.js';
import { partsFor, runStep } from './steps.js';
import { defaultThreads, ThreadPool } from './threads.js';

/** Faces of one pass: more share the loading of weights, fewer stay in the caches. */
const FACES_PER_PASS = 4;
/** How long computing may keep the event loop waiting, in milliseconds. */
const TIME_SLICE = 12;
/** Work between two looks at the clock, in multiplications and additions: a few milliseconds. */
const WORK_SLICE = 60e6;
const PAGE = 65_536;
/** Threads do not write to one line. */
const CACHE_LINE = 64;

/** What a {@link WasmEngine} is made from. */
export interface WasmEngineOptions {
  readonly selection: OutputSelection;
  /** Of the same selection, folded (`foldWeights`). Not kept. */
  readonly weights: ModelWeights<HostTensor>;
  /** Most faces of one run; memory does not depend on it. */
  readonly maxFaces: number;
  /** Whether `run` gives FM1..FM4 too. */
  readonly keepLevels?: boolean;
  /**
   * Threads that compute, in workers of their own. More than one needs a cross-origin isolated page, where half the
   * machine's logical processors, at most 8, is the default; elsewhere the calling thread computes.
   */
  readonly threads?: number;
  /** Aborts the compilation. */
  readonly signal?: AbortSignal;
}

/**
 * The network on WebAssembly with SIMD: the fallback where there is no GPU. It computes in threads where the page may have
 * them, else on the thread that calls it, and lets other tasks pass every few milliseconds.
 *
 * @example
 * const engine = await WasmEngine.create({ selection, weights: foldWeights(weights), maxFaces: 16 });
 * const { embeddings, logits } = await engine.run(images, 2);
 * engine.dispose();
 */
export class WasmEngine implements Engine {
  readonly kind = 'wasm';
  readonly description: string;
  readonly selection: OutputSelection;
  readonly maxFaces: number;
  readonly #keepLevels: boolean;
  #program: Program | undefined;
  /** Runs take turns: there is one set of activations. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: WasmEngineOptions, program: Program, fused: boolean) {
    const { threads } = program;
    this.selection = options.selection;
    this.maxFaces = options.maxFaces;
    this.#keepLevels = options.keepLevels ?? false;
    this.#program = program;
    const count = threads === 1 ? '1 thread' : `${threads} threads`;
    this.description = `WebAssembly (${fused ? 'relaxed SIMD' : 'SIMD'}, ${count})`;
  }

  /**
   * Compiles the kernels and packs the weights.
   *
   * @throws {InvalidInputError} if `maxFaces` is not a positive integer, the weights are not folded, or the config has
   * sizes that the kernels do not support
   * @throws {UnsupportedDeviceError} if there is no WebAssembly with SIMD, or too little memory
   * @throws the signal's reason if aborted
   */
  static async create(options: WasmEngineOptions): Promise<WasmEngine> {
    const { selection, weights, maxFaces, keepLevels = false, threads = defaultThreads(), signal } = options;
    for (const [name, value] of Object.entries({ maxFaces, threads })) {
      if (Number.isInteger(value) && value >= 1) continue;
      throw new InvalidInputError(`${name} is invalid.`, { expected: 'a positive integer', actual: String(value) });
    }
    if (threads > 1 && globalThis.crossOriginIsolated !== true) {
      throw new InvalidInputError('Threads need a cross-origin isolated page.', {
        expected: 'the headers Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy, or 1 thread',
        actual: `${threads} threads`,
      });
    }
    const compiled = await compileKernels(threads > 1);
    const capacity = Math.min(maxFaces, FACES_PER_PASS);
    const ops = new RecordingOps();
    const { image } = selection.config;
    const input = ops.input([capacity, 3, image, image]);
    const recorded = mapWeights(weights, isHostTensor, (tensor, path) => ops.constant(tensor, path));
    const { levels, embedding, logits } = swinFace(ops, selection, recorded, input);
    const outputs = [embedding, logits, ...(keepLevels ? levels : [])].filter((node) => node !== undefined);
    const plan = lower(input, outputs, capacity);
    const scratchBytes = scratchFor(plan);
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
    const program = new Program(plan, memory, await bindKernels(compiled, memory), capacity, pool ? threads : 1, pool);
    return new WasmEngine(options, program, compiled.fused);
  }

  /** Bytes of the wasm memory; 0 after `dispose`. */
  get bytes(): number {
    return this.#program?.memory.buffer.byteLength ?? 0;
  }

  /**
   * Calls may overlap; they are served one after another.
   *
   * @param images RGB in [-1, 1], [count, 3, 112, 112]
   * @throws {InvalidInputError} if the length does not fit `count`, or `count` is not within 1..maxFaces
   * @throws {DisposedError} if disposed, before or meanwhile
   */
  async run(images: Float32Array, count: number): Promise<RawOutputs> {
    const { image } = this.selection.config;
    if (!Number.isInteger(count) || count < 1 || count > this.maxFaces) {
      throw new InvalidInputError('The number of faces is out of range.', {
        expected: `an integer within 1..${this.maxFaces}`,
        actual: String(count),
      });
    }
    const perFace = 3 * image * image;
    if (!(images instanceof Float32Array) || images.length !== count * perFace) {
      throw new InvalidInputError('The images have the wrong size.', {
        expected: `${count * perFace} numbers: ${count} faces of 3 x ${image} x ${image}`,
        actual: images instanceof Float32Array ? `${images.length}` : typeof images,
      });
    }
    const result = this.#turn.then(() => this.#run(images, count));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Lets go of the memory; runs under way reject with {@link DisposedError}. Idempotent. */
  dispose(): void {
    this.#program?.dispose();
    this.#program = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #run(images: Float32Array, count: number): Promise<RawOutputs> {
    const outputs = await this.#usable()
      .run(images, count, () => this.#usable())
      .catch((cause: unknown) => {
        this.#usable();
        throw cause;
      });
    const { recognition, logits } = this.selection;
    const next = () => outputs.shift() ?? new Float32Array();
    return {
      count,
      ...(recognition ? { embeddings: next() } : {}),
      ...(logits > 0 ? { logits: next() } : {}),
      ...(this.#keepLevels ? { levels: [next(), next(), next(), next()] as const } : {}),
    };
  }

  #usable(): Program {
    if (!this.#program) throw new DisposedError('The network was disposed.');
    return this.#program;
  }
}

/** A plan on a memory. */
class Program {
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
    const results = outputs.map(({ perFace }) => new Float32Array(perFace * count));
    const perImage = images.length / count;
    const view = (region: typeof input, length: number) =>
      new Float32Array(this.memory.buffer, placement.addressOf(region), length);
    for (let first = 0; first < count; first += this.#capacity) {
      const faces = Math.min(this.#capacity, count - first);
      view(input, faces * perImage).set(images.subarray(first * perImage, (first + faces) * perImage));
      await (this.#pool?.run(faces) ?? this.#runHere(faces, check));
      check();
      outputs.forEach(({ region, perFace }, i) => {
        results[i]?.set(view(region, perFace * faces), perFace * first);
      });
    }
    return results;
  }

  dispose(): void {
    this.#pool?.dispose();
  }

  async #runHere(faces: number, check: () => void): Promise<void> {
    const { placement, steps } = this.#plan;
    let sliceStart = performance.now();
    for (const planned of steps) {
      const parts = partsFor(planned, faces, WORK_SLICE);
      for (let part = 0; part < parts; part++) {
        runStep(this.#kernels, planned.step, faces, part, parts, placement.bytes);
        if (performance.now() - sliceStart < TIME_SLICE) continue;
        await nextTask();
        check();
        sliceStart = performance.now();
      }
    }
  }
}

/** Bytes of scratch memory that every step of a plan can do with. */
function scratchFor({ largest: { inputs, area, head, width } }: Plan): number {
  const bytes = Math.max(productScratch(inputs), attentionScratch(area, head), 4 * width);
  return Math.ceil(bytes / CACHE_LINE) * CACHE_LINE;
}

function allocate(pages: number, shared: boolean): WebAssembly.Memory {
  if (pages <= MOST_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
    } catch {
      // Told below.
    }
  }
  throw new UnsupportedDeviceError('There is not enough memory for the network.', {
    expected: `${Math.ceil((pages * PAGE) / 2 ** 20)} MiB of WebAssembly memory`,
  });
}

/** Writes every constant, letting other tasks pass. */
async function fill(memory: WebAssembly.Memory, { layout, placement }: Plan, signal: AbortSignal | undefined) {
  let sliceStart = performance.now();
  for (const constant of layout.constants) {
    const target = new DataView(memory.buffer, placement.addressOf(constant), constant.bytes);
    for (let part = 0; part < constant.parts; part++) {
      constant.fill(target, part);
      if (performance.now() - sliceStart < TIME_SLICE) continue;
      await nextTask();
      signal?.throwIfAborted();
      sliceStart = performance.now();
    }
  }
  signal?.throwIfAborted();
}

/** Resolves in a later task, without the delay that browsers add to nested timers. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
