import type { Similarity, UprightImage } from '@swinface/alignment';
import {
  InvalidInputError,
  type LoadedModel,
  type RawOutputs,
  UnsupportedDeviceError,
  WeightsInvalidError,
} from '@swinface/core';
import type { CropGroup } from './crops.js';
import { absolute, type Settings } from './options.js';
import type { Choice, EngineChoice } from './types.js';

/** An engine that is at work. */
export type EngineKind = Exclude<EngineChoice, 'auto'>;

/** Outputs of one run, and where its time went in milliseconds. */
export interface NetworkRun {
  readonly raw: RawOutputs;
  readonly warp: number;
  readonly network: number;
}

/** A picture where the backend can read it; dispose it before the picture. */
export interface PreparedImage {
  /**
   * Warps faces and runs the network of one crop group on them.
   *
   * @param group index into the crop groups that the backend was made for
   * @param sourceToCrop one transform per face, at most `maxFaces`
   */
  run(group: number, sourceToCrop: readonly Similarity[]): Promise<NetworkRun>;
  dispose(): void;
}

/** The networks of all crop groups on one device, with what brings pictures to them. */
export interface Backend {
  readonly kind: EngineKind;
  readonly description: string;
  /** Longest side of a picture it can read, in pixels; undefined for no limit of its own. */
  readonly maxSide: number | undefined;
  /** Settles with the reason when the device is lost; never where there is no device to lose. */
  readonly lost: Promise<string>;
  prepare(image: UprightImage): PreparedImage;
  dispose(): void;
}

/** What a backend is made from. */
export interface BackendInput {
  readonly model: LoadedModel;
  readonly groups: readonly CropGroup[];
  readonly maxFaces: number;
  readonly signal: AbortSignal;
}

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
