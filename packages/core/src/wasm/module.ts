import { UnsupportedDeviceError } from '../errors.js';

/** What `assembly/` exports; addresses and sizes are plain numbers. */
export interface Kernels {
  product(
    at: number,
    faces: number,
    tileBegin: number,
    tileEnd: number,
    panelBegin: number,
    panelEnd: number,
    scratch: number,
  ): void;
  attention(at: number, begin: number, end: number, scratch: number): void;
  layerNorm(x: number, width: number, weight: number, bias: number, begin: number, end: number): void;
  normMean(
    x: number,
    y: number,
    tokens: number,
    width: number,
    weight: number,
    bias: number,
    begin: number,
    end: number,
    spare: number,
  ): void;
  averagePool(x: number, y: number, size: number, factor: number, width: number, begin: number, end: number): void;
  channelAttentionPool(
    x: number,
    y: number,
    subnets: number,
    tokens: number,
    width: number,
    hidden: number,
    capacity: number,
    fc1: number,
    bias1: number,
    fc2: number,
    bias2: number,
    begin: number,
    end: number,
    spare: number,
  ): void;
  taskOutputs(
    x: number,
    y: number,
    width: number,
    capacity: number,
    outputs: number,
    weight: number,
    bias: number,
    subnetOf: number,
    begin: number,
    end: number,
  ): void;
}

/** The kernels, not yet bound to a memory. */
export interface KernelModule {
  readonly module: WebAssembly.Module;
  /** Whether a multiplication and an addition are one instruction. */
  readonly fused: boolean;
}

/** Most pages that a memory of the kernels may have: 4 GiB. */
export const MOST_PAGES = 65_536;

function decode(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  return Uint8Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}

/**
 * Compiles the kernels in the fastest form that this machine takes.
 *
 * @param shared for a memory that threads share
 * @throws {UnsupportedDeviceError} if there is no WebAssembly, no SIMD, or the page does not allow it
 */
export async function compileKernels(shared: boolean): Promise<KernelModule> {
  if (typeof WebAssembly === 'undefined') {
    throw new UnsupportedDeviceError('There is no WebAssembly here.', { expected: 'WebAssembly with SIMD' });
  }
  const { RELAXED_SIMD, SIMD } = await (shared ? import('./kernels-shared.js') : import('./kernels.js'));
  const relaxed = decode(RELAXED_SIMD);
  const fused = WebAssembly.validate(relaxed);
  const bytes = fused ? relaxed : decode(SIMD);
  if (!fused && !WebAssembly.validate(bytes)) {
    throw new UnsupportedDeviceError('WebAssembly lacks SIMD here.', {
      expected: 'a browser of 2021 or newer (Safari of 2023)',
    });
  }
  try {
    return { module: await WebAssembly.compile(bytes), fused };
  } catch (cause) {
    throw new UnsupportedDeviceError('This page does not allow WebAssembly.', {
      hint: "Add 'wasm-unsafe-eval' to script-src of its Content-Security-Policy.",
      cause,
    });
  }
}

/** The kernels on a memory. */
export async function bindKernels(
  { module }: Pick<KernelModule, 'module'>,
  memory: WebAssembly.Memory,
): Promise<Kernels> {
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  return instance.exports as unknown as Kernels;
}
