import type { MathBackendWebGL } from '@tensorflow/tfjs-backend-webgl';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedDeviceError } from '../errors.js';

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

/** An initialised backend, in use until `release`. */
export interface OpenBackend {
  /** Its name in tfjs' registry. */
  readonly name: string;
  readonly description: string;
  /** Why the GPU behind it is gone; undefined while it is there. */
  lost(): string | undefined;
  release(): void;
}

/**
 * Runs synchronous work with a backend active, then makes the application's active again.
 * Switching between initialised backends happens before `setBackend` returns its promise.
 */
export function withBackend<R>(name: string, work: () => R): R {
  const active: string | undefined = tf.getBackend();
  if (active === name) return work();
  void tf.setBackend(name);
  try {
    return work();
  } finally {
    // Where nobody chose a backend so far, tfjs knows no way back to "none".
    if (active !== undefined && active !== null) void tf.setBackend(active);
  }
}

// tfjs has one engine per page and drops an initialisation when another starts, so ours take turns.
let turn: Promise<unknown> = Promise.resolve();

/**
 * Imports and initialises a backend.
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
      await imported(backend, () => import('@tensorflow/tfjs-backend-cpu'));
      return initialise(backend, () => 'JavaScript');
    }
    case 'wasm': {
      const wasm = await imported(backend, () => import('@tensorflow/tfjs-backend-wasm'));
      const hint = 'Are the .wasm files where `wasmPaths` says, and does the page allow WebAssembly?';
      if (wasmPaths !== undefined && !isInitialised(backend)) {
        try {
          wasm.setWasmPaths(wasmPaths);
        } catch (cause) {
          throw unsupported(backend, { hint, cause }); // tfjs gives up for good when a first .wasm could not be loaded
        }
      }
      return initialise(backend, () => `WebAssembly, ${wasm.getThreadsCount()} thread(s)`, hint);
    }
    case 'webgl': {
      await imported(backend, () => import('@tensorflow/tfjs-backend-webgl'));
      const opened = await initialise(backend, () => 'WebGL', 'Use "wasm".');
      const { gpgpu } = tf.findBackend(backend) as MathBackendWebGL;
      // Half floats hold no sum over a SwinFace layer to three digits.
      if (withBackend(backend, () => tf.backend().floatPrecision()) < 32) {
        throw unsupported(backend, { expected: 'float32 textures', actual: 'float16 textures', hint: 'Use "wasm".' });
      }
      return { ...opened, lost: () => (gpgpu.gl.isContextLost() ? 'the WebGL context was lost' : undefined) };
    }
    case 'webgpu': {
      // On a machine without an adapter, tfjs would carry on with another backend.
      if (!device && !(await globalThis.navigator?.gpu?.requestAdapter())) {
        throw unsupported(backend, { expected: 'a WebGPU adapter', actual: 'none', hint: 'Use "wasm".' });
      }
      const { WebGPUBackend } = await imported(backend, () => import('@tensorflow/tfjs-backend-webgpu'));
      if (!device) return watchDevice(await initialise(backend, () => 'WebGPU', 'Use "wasm".'));
      return openShared(device, WebGPUBackend);
    }
  }
}

const isInitialised = (name: string): boolean => tf.engine().registry[name] !== undefined;

function unsupported(
  backend: TfjsBackend,
  details: { expected?: string; actual?: string; hint?: string; cause?: unknown },
): UnsupportedDeviceError {
  return new UnsupportedDeviceError(`The TensorFlow.js backend "${backend}" does not run here.`, details);
}

async function imported<M>(backend: TfjsBackend, load: () => Promise<M>): Promise<M> {
  try {
    return await load();
  } catch (cause) {
    const hint = `Install @tensorflow/tfjs-backend-${backend} beside @tensorflow/tfjs-core.`;
    throw unsupported(backend, { expected: 'its package', hint, cause });
  }
}

/** Initialises a registered backend, leaving the application's own active. */
async function initialise(name: TfjsBackend, describe: () => string, hint?: string): Promise<OpenBackend> {
  if (!isInitialised(name)) {
    const active: string | undefined = tf.getBackend();
    let cause: unknown;
    try {
      await tf.setBackend(name);
    } catch (error) {
      cause = error;
    }
    if (active !== undefined && active !== null && active !== name) await tf.setBackend(active);
    if (!isInitialised(name)) throw unsupported(name, { ...(hint ? { hint } : {}), cause });
  }
  return {
    name,
    description: `TensorFlow.js ${tf.version_core} (${describe()})`,
    lost: () => undefined,
    release: () => undefined, // the application may be using it too
  };
}

/** Notices the loss of the device of a WebGPU backend. */
function watchDevice(opened: OpenBackend): OpenBackend {
  let reason: string | undefined;
  const { device } = tf.findBackend(opened.name) as WebGPUBackend;
  void device.lost.then((info) => {
    reason = `the WebGPU device was lost (${info.reason}): ${info.message}`;
  });
  return { ...opened, lost: () => reason };
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
    lost: () => undefined,
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
  tf.findBackend(name); // initialises it
  return name;
}
