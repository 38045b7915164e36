import { UnsupportedDeviceError } from '@swinface/core';

type FaceApi = typeof import('@vladmandic/face-api');

/** What is used of a tensor of the TensorFlow.js inside face-api. */
export interface FaceApiTensor {
  dataSync(): ArrayLike<number>;
  dispose(): void;
}

/** The parts of that TensorFlow.js which face-api's types leave out. */
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  getBackend(): string;
  setWasmPaths(folder: string): void;
  tidy<R>(work: () => R): R;
  readonly browser: { fromPixels(image: ImageData, channels: 3): FaceApiTensor };
  readonly io: { decodeWeights(bytes: ArrayBuffer, specs: readonly unknown[]): Record<string, FaceApiTensor> };
}

/** Where all copies of TensorFlow.js on a page look for their one engine, and their kernels while they load. */
interface TensorFlowGlobals {
  _tfengine?: unknown;
  _tfGlobals?: unknown;
}

/**
 * face-api and the TensorFlow.js that it bundles, kept apart from any other copy on the page. Left to itself it would
 * join the engine of a copy that is there already, replace the kernels of its running backend, and each copy would
 * change the other's backend. So it loads while the globals are hidden, and works with its own engine in their place.
 */
export class FaceApiEngine {
  readonly api: FaceApi;
  readonly tf: TensorFlow;
  readonly #globals: TensorFlowGlobals;

  private constructor(api: FaceApi, globals: TensorFlowGlobals) {
    this.api = api;
    this.tf = api.tf as unknown as TensorFlow;
    this.#globals = globals;
  }

  static #loaded: Promise<FaceApiEngine> | undefined;

  /** Loads it once. @throws {UnsupportedDeviceError} if the package is not installed */
  static load(): Promise<FaceApiEngine> {
    FaceApiEngine.#loaded ??= FaceApiEngine.#import().catch((cause) => {
      FaceApiEngine.#loaded = undefined;
      throw new UnsupportedDeviceError('The second locator could not be loaded.', {
        hint: 'Install the package @vladmandic/face-api.',
        cause,
      });
    });
    return FaceApiEngine.#loaded;
  }

  static async #import(): Promise<FaceApiEngine> {
    const others = swapGlobals({});
    let own: TensorFlowGlobals = {};
    try {
      const api = await import('@vladmandic/face-api');
      own = swapGlobals(others);
      return new FaceApiEngine(api, own);
    } finally {
      if (own._tfengine === undefined) swapGlobals(others);
    }
  }

  /** Runs `work`, which must not wait for anything, with this copy's engine, and frees all tensors but the result. */
  run<R>(work: () => R): R {
    const others = swapGlobals(this.#globals);
    try {
      return this.tf.tidy(work);
    } finally {
      swapGlobals(others);
    }
  }

  /**
   * Starts the first backend that does.
   *
   * @param wasmFolder where the wasm files are; without it WebAssembly is not tried
   * @returns its name
   * @throws {UnsupportedDeviceError} if none starts
   */
  async startBackend(wasmFolder: string | undefined): Promise<string> {
    if (wasmFolder !== undefined && this.tf.getBackend() !== 'wasm') this.tf.setWasmPaths(wasmFolder);
    const failures: string[] = [];
    for (const name of wasmFolder === undefined ? ['webgl', 'cpu'] : ['wasm', 'webgl', 'cpu']) {
      try {
        // setBackend may answer true and run on another backend: ask which it is.
        if ((await this.tf.setBackend(name)) && this.tf.getBackend() === name) return name;
        failures.push(`${name}: not available`);
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? error.message : error}`);
      }
    }
    throw new UnsupportedDeviceError('No backend of face-api starts here.', { actual: failures.join('; ') });
  }
}

/** Puts `next` in the place of the globals and returns what was there. */
function swapGlobals(next: TensorFlowGlobals): TensorFlowGlobals {
  const shared = globalThis as TensorFlowGlobals;
  const { _tfengine, _tfGlobals } = shared;
  delete shared._tfengine;
  delete shared._tfGlobals;
  Object.assign(shared, next);
  return { ...(_tfengine === undefined ? {} : { _tfengine }), ...(_tfGlobals === undefined ? {} : { _tfGlobals }) };
}
