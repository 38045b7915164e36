import type { KernelModule } from './module.js';
import type { PlannedStep } from './steps.js';
import { CONTROL, type ThreadMessage, type ThreadSetup } from './thread-protocol.js';

/** How long threads may take to start, in milliseconds. */
const PATIENCE = 10_000;

/** How many threads a page may have: as many as the machine has cores that do not share their arithmetic, within reason. */
export function defaultThreads(): number {
  if (globalThis.crossOriginIsolated !== true || typeof Worker !== 'function') return 1;
  return Math.max(1, Math.min(8, Math.ceil((globalThis.navigator?.hardwareConcurrency ?? 1) / 2)));
}

/** Threads that compute the steps of a plan together, each taking the next share of a step until none is left. */
export class ThreadPool {
  readonly #workers: readonly Worker[];
  readonly #control: Int32Array;
  readonly #steps: number;
  #finish: ((error?: Error) => void) | undefined;
  /** Why no run can succeed any more: the other threads wait for one that is gone. */
  #broken: Error | undefined;

  private constructor(workers: readonly Worker[], control: SharedArrayBuffer, steps: number) {
    this.#workers = workers;
    this.#control = new Int32Array(control);
    this.#steps = steps;
    for (const worker of workers) {
      worker.onmessage = ({ data }: MessageEvent<ThreadMessage>) => {
        if (data === 'done') this.#finish?.();
      };
      worker.onerror = (event) => {
        event.preventDefault();
        this.#end(new Error(`A thread of the network failed: ${event.message}`));
      };
    }
  }

  /**
   * @param scratch address of the scratch memories, `scratchBytes` each
   * @throws if a thread does not start
   */
  static async start(
    { module }: KernelModule,
    memory: WebAssembly.Memory,
    steps: readonly PlannedStep[],
    threads: number,
    scratch: number,
    scratchBytes: number,
  ): Promise<ThreadPool> {
    const control = new SharedArrayBuffer(4 * (CONTROL.next + steps.length));
    const workers: Worker[] = [];
    try {
      const ready = Array.from({ length: threads }, (_, index) => {
        const worker = new Worker(new URL('./thread.js', import.meta.url), {
          type: 'module',
          name: `swinface ${index}`,
        });
        workers.push(worker);
        const setup: ThreadSetup = {
          module,
          memory,
          steps,
          threads,
          scratch: scratch + index * scratchBytes,
          control,
          first: index === 0,
        };
        worker.postMessage(setup);
        return new Promise<void>((resolve, reject) => {
          worker.onmessage = () => resolve();
          worker.onerror = (event) => {
            event.preventDefault();
            reject(new Error(event.message || 'its script could not be loaded'));
          };
        });
      });
      await withTimeout(Promise.all(ready));
      return new ThreadPool(workers, control, steps.length);
    } catch (error) {
      for (const worker of workers) worker.terminate();
      throw error;
    }
  }

  /** Computes every step for some faces. */
  async run(faces: number): Promise<void> {
    if (this.#broken) throw this.#broken;
    const control = this.#control;
    control.fill(0, CONTROL.next, CONTROL.next + this.#steps);
    Atomics.store(control, CONTROL.faces, faces);
    await new Promise<void>((resolve, reject) => {
      this.#finish = (error) => (error ? reject(error) : resolve());
      Atomics.add(control, CONTROL.run, 1);
      Atomics.notify(control, CONTROL.run);
    });
  }

  /** Ends the threads; a run under way rejects. */
  dispose(): void {
    this.#end(new Error('The threads were ended.'));
  }

  #end(error: Error): void {
    this.#broken = error;
    for (const worker of this.#workers) worker.terminate();
    this.#finish?.(error);
  }
}

async function withTimeout<R>(promise: Promise<R>): Promise<R> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
