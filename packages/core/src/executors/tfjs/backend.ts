import type { MathBackendWebGL } from '@tensorflow/tfjs-backend-webgl';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedDeviceError } from '../../errors.js';
import { allowsBlobThreads } from './threads.js';

/** The tfjs backends an engine can run on. */
export type TfjsBackend = 'wasm' | 'webgl' | 'webgpu' | 'cpu';

/** A URL of the folder (ending in "/") that holds the three .wasm files of @tensorflow/tfjs-backend-wasm, or one URL each. */
export type WasmPaths =
  | string
  | Readonly<
      Record<'tfjs-backend-wasm.wasm' | 'tfjs-backend-wasm-simd.wasm' | 'tfjs-backend-wasm-threaded-simd.wasm', string>
    >;

export interface BackendOptions {
  readonly backend: TfjsBackend;
  readonly wasmPaths?: WasmPaths;
  /** For `webgpu`: compute on this device instead of one of tfjs' own. */
  readonly device?: GPUDevice;
}

/** tfjs' flag for whether its wasm backend starts threads. */
const THREADS = 'WASM_HAS_MULTITHREAD_SUPPORT';

/** Whether the GPU behind a backend is gone, and who listens for that: promises of its results never settle then. */
class Loss {
  readonly #listeners = new Set<(reason: string) => void>();
  #reason: string | undefined;

  /** Why it is gone; undefined while it is there. */
  get reason(): string | undefined {
    return this.#reason;
  }

  happened(reason: string): void {
    this.#reason = reason;
    for (const listener of [...this.#listeners]) listener(reason);
  }

  /** @returns a function that takes the listener away */
  onLoss(listener: (reason: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** An initialized backend, in use until `release`. */
export interface OpenBackend {
  /** Its name in tfjs' registry. */
  readonly name: string;
  readonly description: string;
  readonly gpu: Loss;
  release(): void;
}

/**
 * Runs synchronous work with a backend active, then makes the application's active again.
 * Switching between initialized backends happens before `setBackend` returns its promise.
 */
export function withBackend<R>(name: string, work: () => R): R {
  const active: string | undefined = tf.getBackend();
  if (active === name) return work();
  void tf.setBackend(name);
  try {
    return work();
  } finally {
    // Where the application has chosen no backend, tfjs has no way back to "none".
    if (active !== undefined && active !== null) void tf.setBackend(active);
  }
}

// tfjs has one engine per page and drops an initialization when another starts, so ours take turns.
let turn: Promise<unknown> = Promise.resolve();

/**
 * Imports and initializes a backend.
 *
 * @throws {UnsupportedDeviceError} if its package is missing, or this machine cannot run it
 */
export function openBackend(options: BackendOptions): Promise<OpenBackend> {
  const opened = turn.then(() => open(options));
  turn = opened.catch(() => undefined);
  return opened;
}

async function open({ backend, wasmPaths, device }: BackendOptions): Promise<OpenBackend> {
  switch (backend) {
    case 'cpu': {
      await PACKAGES.cpu();
      return initialize(backend, () => 'JavaScript');
    }
    case 'wasm': {
      const wasm = await PACKAGES.wasm();
      const hint = 'Are the .wasm files where `wasmPaths` says, and does the page allow WebAssembly?';
      if (wasmPaths !== undefined && !isInitialized(backend)) {
        try {
          wasm.setWasmPaths(wasmPaths);
        } catch (cause) {
          throw unsupported(backend, { hint, cause }); // tfjs gives up for good when a first .wasm could not be loaded
        }
      }
      if (!isInitialized(backend) && (await tf.env().getAsync(THREADS)) && !(await allowsBlobThreads())) {
        tf.env().set(THREADS, false);
      }
      const threads = () => (wasm.getThreadsCount() === 1 ? '1 thread' : `${wasm.getThreadsCount()} threads`);
      return initialize(backend, () => `WebAssembly, ${threads()}`, hint);
    }
    case 'webgl': {
      await PACKAGES.webgl();
      const context = () => (tf.findBackend(backend) as MathBackendWebGL).gpgpu.gl;
      if (isInitialized(backend) && context().isContextLost()) forget(backend);
      const opened = await initialize(backend, () => 'WebGL', 'Use "wasm".');
      const { canvas } = context();
      // Half floats hold no sum over a SwinFace layer to three digits. (`floatPrecision()` says 16 for both.)
      if (!tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')) {
        throw unsupported(backend, { expected: 'float32 textures', actual: 'float16 textures', hint: 'Use "wasm".' });
      }
      const lost = () => opened.gpu.happened('the WebGL context was lost');
      canvas.addEventListener('webglcontextlost', lost);
      return { ...opened, release: () => canvas.removeEventListener('webglcontextlost', lost) };
    }
    case 'webgpu': {
      // On a machine without an adapter, tfjs would carry on with another backend.
      if (!device && !(await globalThis.navigator?.gpu?.requestAdapter())) {
        throw unsupported(backend, { expected: 'a WebGPU adapter', actual: 'none', hint: 'Use "wasm".' });
      }
      const { WebGPUBackend } = await PACKAGES.webgpu();
      if (!device && isInitialized(backend) && (await isLost(deviceOf(backend)))) forget(backend);
      if (!device) return watchDevice(await initialize(backend, () => 'WebGPU', 'Use "wasm".'));
      return openShared(device, WebGPUBackend);
    }
  }
}

const isInitialized = (name: string): boolean => tf.engine().registry[name] !== undefined;

const deviceOf = (name: string): GPUDevice => (tf.findBackend(name) as WebGPUBackend).device;

/** Whether `device.lost` has settled; one macrotask tells. */
const isLost = (device: GPUDevice): Promise<boolean> =>
  Promise.race([
    device.lost.then(() => true),
    new Promise<false>((resolve) => {
      setTimeout(() => resolve(false), 0);
    }),
  ]);

/** Makes tfjs drop a backend whose GPU is gone, which it would keep; initializing it makes a new one. */
function forget(name: TfjsBackend): void {
  const registered = tf.engine().registryFactory[name];
  tf.removeBackend(name);
  if (registered) tf.registerBackend(name, registered.factory, registered.priority);
}

function unsupported(
  backend: TfjsBackend,
  details: { expected?: string; actual?: string; hint?: string; cause?: unknown },
): UnsupportedDeviceError {
  return new UnsupportedDeviceError(`The TensorFlow.js backend "${backend}" does not run here.`, details);
}

/**
 * The backends' packages, all of them optional. Bundlers take an `import()` that stands in a `try` block for one that may
 * be absent, and go on without it; elsewhere it would break builds without all four of them.
 */
const PACKAGES = {
  async cpu() {
    try {
      return await import('@tensorflow/tfjs-backend-cpu');
    } catch (cause) {
      throw missing('cpu', cause);
    }
  },
  async wasm() {
    try {
      return await import('@tensorflow/tfjs-backend-wasm');
    } catch (cause) {
      throw missing('wasm', cause);
    }
  },
  async webgl() {
    try {
      return await import('@tensorflow/tfjs-backend-webgl');
    } catch (cause) {
      throw missing('webgl', cause);
    }
  },
  async webgpu() {
    try {
      return await import('@tensorflow/tfjs-backend-webgpu');
    } catch (cause) {
      throw missing('webgpu', cause);
    }
  },
};

function missing(backend: TfjsBackend, cause: unknown): UnsupportedDeviceError {
  const hint = `Install @tensorflow/tfjs-backend-${backend} beside @tensorflow/tfjs-core.`;
  return unsupported(backend, { expected: 'its package', hint, cause });
}

/** Initializes a registered backend, leaving the application's own active. */
async function initialize(name: TfjsBackend, describe: () => string, hint?: string): Promise<OpenBackend> {
  if (!isInitialized(name)) {
    const active: string | undefined = tf.getBackend();
    let cause: unknown;
    try {
      await tf.setBackend(name);
    } catch (error) {
      cause = error;
    }
    if (active !== undefined && active !== null && active !== name) await tf.setBackend(active);
    if (!isInitialized(name)) throw unsupported(name, { ...(hint ? { hint } : {}), cause });
  }
  return {
    name,
    description: `TensorFlow.js ${tf.version_core} (${describe()})`,
    gpu: new Loss(),
    release: () => undefined, // the application may be using it too
  };
}

/** Notices the loss of the device of a WebGPU backend. */
function watchDevice(opened: OpenBackend): OpenBackend {
  void deviceOf(opened.name).lost.then((info) => {
    opened.gpu.happened(`the WebGPU device was lost (${info.reason}): ${info.message}`);
  });
  return opened;
}

/** Backends on devices handed in; engines on one device share one, so that tensors pass between them uncopied. */
const shared = new WeakMap<GPUDevice, { readonly name: string; users: number }>();

function openShared(device: GPUDevice, Backend: typeof WebGPUBackend): OpenBackend {
  const entry = shared.get(device) ?? { name: registerOn(device, Backend), users: 0 };
  shared.set(device, entry);
  entry.users++;
  return watchDevice({
    name: entry.name,
    description: `TensorFlow.js ${tf.version_core} (WebGPU, shared device)`,
    gpu: new Loss(),
    release: () => {
      entry.users--;
      if (entry.users > 0) return;
      shared.delete(device);
      tf.removeBackend(entry.name); // destroys its buffers, not the device
    },
  });
}

/** Registers a backend of its own name, since "webgpu" may be the application's, on another device. */
function registerOn(device: GPUDevice, Backend: typeof WebGPUBackend): string {
  const taken = tf.engine().registryFactory;
  let number = 1;
  while (`swinface-webgpu-${number}` in taken) number++;
  const name = `swinface-webgpu-${number}`;
  if (tf.getKernelsForBackend(name).length === 0) tf.copyRegisteredKernels('webgpu', name);
  let backend: WebGPUBackend;
  try {
    backend = new Backend(device, device.adapterInfo);
  } catch (cause) {
    throw unsupported('webgpu', { expected: '`navigator.gpu`', hint: 'Use "wasm".', cause });
  }
  tf.registerBackend(name, () => backend, 0); // 0: never chosen unasked
  tf.findBackend(name); // initializes it
  return name;
}
