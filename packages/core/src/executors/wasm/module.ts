import { UnsupportedDeviceError } from '../../errors.js';

/**
 * A kernel of items that do not depend on each other: called with its addresses and sizes, then with the first item, the
 * one after the last, and scratch memory, which some do without.
 */
export type Items<Arguments extends readonly number[]> = (
  ...args: [...Arguments, begin: number, end: number, scratch: number]
) => void;

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
  readonly attention: Items<[at: number]>;
  readonly averagePool: Items<[x: number, y: number, size: number, factor: number, width: number]>;
  readonly channelAttentionPool: Items<
    [
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
    ]
  >;
  readonly depthwise: Items<[at: number]>;
  readonly excite: Items<
    [
      x: number,
      channels: number,
      hidden: number,
      reduce: number,
      reduceBias: number,
      expand: number,
      expandBias: number,
    ]
  >;
  readonly imageTokens: Items<[x: number, y: number, colours: number, height: number, width: number, stride: number]>;
  readonly layerNorm: Items<[x: number, width: number, weight: number, bias: number]>;
  readonly maxPool: Items<
    [
      x: number,
      y: number,
      height: number,
      width: number,
      channels: number,
      down: number,
      across: number,
      kernelHeight: number,
      kernelWidth: number,
      step: number,
      top: number,
      left: number,
    ]
  >;
  readonly meanTokens: Items<[x: number, y: number, tokens: number, channels: number]>;
  readonly normMean: Items<[x: number, y: number, tokens: number, width: number, weight: number, bias: number]>;
  readonly pyramidMax: Items<
    [
      x: number,
      y: number,
      height: number,
      width: number,
      channels: number,
      blocks: number,
      corners: number,
      stride: number,
    ]
  >;
  readonly resizeBilinear: Items<
    [x: number, y: number, height: number, width: number, channels: number, down: number, across: number]
  >;
  readonly scale: Items<[x: number, factors: number, y: number, tokens: number, channels: number]>;
  readonly sum: Items<
    [
      x: number,
      xWidth: number,
      other: number,
      otherWidth: number,
      y: number,
      width: number,
      activation: number,
      slope: number,
    ]
  >;
  readonly taskOutputs: Items<
    [
      x: number,
      y: number,
      width: number,
      capacity: number,
      outputs: number,
      weight: number,
      bias: number,
      subnetOf: number,
    ]
  >;
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
