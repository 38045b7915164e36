import { InvalidInputError, ModelDownloadError, UnsupportedDeviceError, WeightsInvalidError } from '@swinface/core';
import type { Settings } from '../options.js';
import type { Chosen } from '../types.js';
import type { Backend, BackendInput, EngineKind } from './backend.js';

/** The backend in use, and why it is not the first choice where it is not. */
export interface ChosenBackend {
  readonly backend: Backend;
  readonly choice: Chosen<EngineKind>;
}

const NAMES: Readonly<Record<EngineKind, string>> = { webgpu: 'WebGPU', wasm: 'WebAssembly', tfjs: 'JavaScript' };

const MODEL_AT_FAULT = [ModelDownloadError, WeightsInvalidError, InvalidInputError] as const;

/**
 * The first engine of the choice's list that this machine can run. Code of an engine is loaded only when it is tried.
 *
 * @throws {UnsupportedDeviceError} if none can, saying why of each
 * @throws {ModelDownloadError | WeightsInvalidError | InvalidInputError} if the model is at fault, which no other
 * engine would change
 */
export async function chooseBackend(input: BackendInput, settings: Settings): Promise<ChosenBackend> {
  const { kinds, reason } = await preferences(settings);
  const failures: { readonly kind: EngineKind; readonly cause: unknown }[] = [];
  const reasonsSoFar = () => failures.map(({ kind, cause }) => `${NAMES[kind]}: ${messageOf(cause)}`);
  for (const kind of kinds) {
    input.signal.throwIfAborted();
    try {
      const backend = await openBackend(kind, input, settings);
      const reasons = [...(reason ? [reason] : []), ...reasonsSoFar()].join(' ');
      const choice = { kind, description: backend.description, ...(reasons ? { reason: reasons } : {}) };
      return { backend, choice };
    } catch (cause) {
      if (MODEL_AT_FAULT.some((kind) => cause instanceof kind)) throw cause;
      input.signal.throwIfAborted();
      failures.push({ kind, cause });
    }
  }
  const [only] = failures;
  if (only && failures.length === 1) throw only.cause;
  throw new UnsupportedDeviceError('No engine runs on this machine.', {
    actual: reasonsSoFar().join(' '),
    hint: 'Allow WebAssembly, or use a browser with WebGPU.',
    cause: failures[0]?.cause,
  });
}

/** What to try in which order, and why WebGPU is not first where it could be. */
async function preferences({ engine, device }: Settings): Promise<{ kinds: readonly EngineKind[]; reason?: string }> {
  if (engine !== 'auto') return { kinds: [engine] };
  const software = device ? undefined : await softwareAdapter();
  if (software === undefined) return { kinds: ['webgpu', 'wasm', 'tfjs'] };
  const reason = `WebGPU: ${software} is no graphics card but software on the CPU, which WebAssembly uses better.`;
  // Of two kinds of software, the one that was made for computing; plain JavaScript is the slowest of all.
  return { kinds: ['wasm', 'webgpu', 'tfjs'], reason };
}

/** The name of the adapter that WebGPU would run on, if it is none of a GPU. */
async function softwareAdapter(): Promise<string | undefined> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter().catch(() => null);
  if (!adapter) return undefined;
  const { describeAdapter, isSoftware } = await import('./webgpu-backend.js');
  return isSoftware(adapter.info) ? describeAdapter(adapter.info) : undefined;
}

async function openBackend(kind: EngineKind, input: BackendInput, { device, tuning }: Settings): Promise<Backend> {
  switch (kind) {
    case 'webgpu':
      return (await import('./webgpu-backend.js')).openWebGpuBackend(input, device, tuning);
    case 'wasm':
      return (await import('./wasm-backend.js')).openWasmBackend(input);
    case 'tfjs':
      return (await import('./tfjs-backend.js')).openTfjsBackend(input);
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
