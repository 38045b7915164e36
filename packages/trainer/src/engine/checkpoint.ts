import { open, readFile, rename } from 'node:fs/promises';
import {
  type HostTensor,
  InvalidInputError,
  parseSafetensors,
  type StoredTensor,
  writeSafetensors,
} from '@swinface/core';
import type { ValidationState } from '../validation.js';
import type { Optimiser } from './optimiser.js';
import type { ParameterStore } from './parameters.js';

/** The part of a run's state that is not tensors. */
export interface RunState {
  /** Batches taken from the source, skipped ones included. */
  readonly step: number;
  /** Updates taken. */
  readonly updates: number;
  readonly skipped: number;
  /** Milliseconds spent training. */
  readonly elapsed: number;
  readonly source: unknown;
  readonly validation: ValidationState;
}

const KINDS = ['value', 'first', 'second', 'average'] as const;

const arrays = (store: ParameterStore, optimiser: Optimiser) => ({
  value: store.values,
  first: optimiser.first,
  second: optimiser.second,
  average: optimiser.average,
});

/**
 * Writes weights, optimiser and state to one file: a header's length, the header as JSON, a safetensors file. The file
 * appears whole or not at all, so a killed run leaves its last checkpoint behind.
 */
export async function writeCheckpoint(
  path: string,
  store: ParameterStore,
  optimiser: Optimiser,
  state: RunState,
): Promise<void> {
  const tensors = new Map<string, HostTensor>();
  for (const [kind, values] of Object.entries(arrays(store, optimiser))) {
    for (const [name, tensor] of store.tensors(values)) tensors.set(`${kind}.${name}`, tensor);
  }
  const header = new TextEncoder().encode(JSON.stringify(state));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, header.length, true);
  const file = await open(`${path}.partial`, 'w');
  try {
    for (const part of [length, header, writeSafetensors(tensors, 'F32')]) await file.write(part);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.partial`, path);
}

/** A checkpoint's parts, unchecked against any network. */
async function openCheckpoint(path: string): Promise<{ state: RunState; stored: ReadonlyMap<string, StoredTensor> }> {
  const bytes = await readFile(path);
  const length = bytes.length < 4 ? Number.POSITIVE_INFINITY : bytes.readUInt32LE(0);
  if (length > bytes.length - 4) throw new InvalidInputError(`${path} is no checkpoint.`);
  const state = JSON.parse(bytes.subarray(4, 4 + length).toString('utf8')) as RunState;
  return { state, stored: parseSafetensors(bytes.subarray(4 + length), path) };
}

const floats = ({ bytes }: StoredTensor): Float32Array => new Float32Array(new Uint8Array(bytes).buffer);

/**
 * Averaged values of a checkpoint by parameter name.
 *
 * @throws {InvalidInputError} if the file is no checkpoint
 */
export async function readAverages(path: string): Promise<{ state: RunState; tensors: Map<string, HostTensor> }> {
  const { state, stored } = await openCheckpoint(path);
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of stored) {
    const [, parameter] = /^average\.(.+)$/.exec(name) ?? [];
    if (parameter !== undefined) tensors.set(parameter, { shape: tensor.shape, data: floats(tensor) });
  }
  return { state, tensors };
}

/**
 * Takes up a checkpoint: fills `store` and `optimiser` with what they held when it was written.
 *
 * @throws {InvalidInputError} if it is of another model
 */
export async function readCheckpoint(path: string, store: ParameterStore, optimiser: Optimiser): Promise<RunState> {
  const { state, stored } = await openCheckpoint(path);
  const targets = arrays(store, optimiser);
  for (const kind of KINDS) {
    for (const [name, { shape }] of store.segments) {
      const tensor = stored.get(`${kind}.${name}`);
      if (!tensor || tensor.shape.join() !== shape.join()) {
        throw new InvalidInputError(`${path} does not fit the recipe's network.`, {
          expected: `${kind}.${name} [${shape.join(', ')}]`,
          actual: tensor ? `[${tensor.shape.join(', ')}]` : 'nothing',
        });
      }
      store.view(name, targets[kind]).set(floats(tensor));
    }
  }
  optimiser.steps = state.updates;
  return state;
}
