import { InvalidInputError, UnsupportedDeviceError, WeightsInvalidError } from '@swinface/core';
import type { Backend, BackendInput, EngineKind } from './backend.js';
import { absolute, type Settings } from './options.js';
import type { Choice, EngineChoice } from './types.js';

/** The backend in use, and why it is not the first choice where it is not. */
export interface ChosenBackend {
  readonly backend: Backend;
  readonly choice: Choice<EngineKind>;
}

const FALLBACKS: Readonly<Record<EngineChoice, readonly EngineKind[]>> = {
  auto: ['webgpu', 'wasm', 'cpu'],
  webgpu: ['webgpu'],
  wasm: ['wasm'],
  cpu: ['cpu'],
};

/**
 * The first engine of the choice's list that this machine can run. Code of an engine is loaded only when it is tried.
 *
 * @throws {UnsupportedDeviceError} if none can, saying why of each
 * @throws {WeightsInvalidError | InvalidInputError} if the model is at fault, which no other engine would change
 */
export async function chooseBackend(input: BackendInput, settings: Settings): Promise<ChosenBackend> {
  const failures: { readonly kind: EngineKind; readonly cause: unknown }[] = [];
  for (const kind of FALLBACKS[settings.engine]) {
    input.signal.throwIfAborted();
    try {
      const backend = await openBackend(kind, input, settings);
      const reason = failures.map(({ kind, cause }) => `${NAMES[kind]}: ${messageOf(cause)}`).join(' ');
      const choice = { kind, description: backend.description, ...(reason ? { reason } : {}) };
      return { backend, choice };
    } catch (cause) {
      if (cause instanceof WeightsInvalidError || cause instanceof InvalidInputError) throw cause;
      failures.push({ kind, cause });
    }
  }
  const [only] = failures;
  if (only && failures.length === 1) throw only.cause;
  throw new UnsupportedDeviceError('No engine runs on this machine.', {
    actual: failures.map(({ kind, cause }) => `${NAMES[kind]}: ${messageOf(cause)}`).join(' '),
    hint: 'Serve the files that the option "assets" names, and allow WebAssembly.',
    cause: failures[0]?.cause,
  });
}

const NAMES: Readonly<Record<EngineKind, string>> = { webgpu: 'WebGPU', wasm: 'WebAssembly', cpu: 'JavaScript' };

async function openBackend(kind: EngineKind, input: BackendInput, { device, assets }: Settings): Promise<Backend> {
  if (kind === 'webgpu') return (await import('./webgpu-backend.js')).openWebGpuBackend(input, device);
  const { openTfjsBackend } = await import('./tfjs-backend.js');
  const { tfjsWasm } = assets;
  return openTfjsBackend(kind, input, tfjsWasm === undefined ? undefined : absolute(tfjsWasm.replace(/\/*$/, '/')));
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
