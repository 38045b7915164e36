import { join } from 'node:path';
import {
  type HostTensor,
  InvalidInputError,
  parseSafetensors,
  type StoredTensor,
  writeSafetensors,
} from '@swinface/core';
import * as v from 'valibot';
import { writeWhole } from '../files/durable.js';
import { readBytes } from '../files/read.js';
import type { ParameterStore } from '../graph/parameters.js';
import type { Optimizer } from './optimizer.js';

/** What held-out batches have said so far; part of a checkpoint. */
export interface ValidationState {
  /** Mean loss per task at the last measurement. */
  readonly losses: Readonly<Record<string, number>>;
  /** Factors of the task weights. */
  readonly weights: Readonly<Record<string, number>>;
  /** Probability of "yes" from which a binary task answers yes. */
  readonly thresholds: Readonly<Record<string, number>>;
}

/** Nothing measured yet: all weights 1, all thresholds one half. */
export const INITIAL_VALIDATION: ValidationState = Object.freeze({ losses: {}, weights: {}, thresholds: {} });

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

/** File of a run that holds everything needed to go on. */
export const checkpointPath = (run: string): string => join(run, 'checkpoint.bin');

/** A header has a few kilobytes. */
const MAX_HEADER_BYTES = 2 ** 24;

const KINDS = ['value', 'first', 'second', 'average'] as const;

const arrays = (store: ParameterStore, optimizer: Optimizer) => ({
  value: store.values,
  first: optimizer.first,
  second: optimizer.second,
  average: optimizer.average,
});

/**
 * Writes weights, optimiser and state to one file: a header's length, the header as JSON, a safetensors file. The file
 * appears whole or not at all, so a killed run, or one whose disk is full, leaves its last checkpoint behind.
 *
 * @throws {InvalidInputError} if it cannot be written
 */
export async function writeCheckpoint(
  path: string,
  store: ParameterStore,
  optimizer: Optimizer,
  state: RunState,
): Promise<void> {
  const tensors = new Map<string, HostTensor>();
  for (const [kind, values] of Object.entries(arrays(store, optimizer))) {
    for (const [name, tensor] of store.tensors(values)) tensors.set(`${kind}.${name}`, tensor);
  }
  const header = new TextEncoder().encode(JSON.stringify(state));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, header.length, true);
  await writeWhole(path, async (file) => {
    for (const part of [length, header, writeSafetensors(tensors, 'F32')]) await file.write(part);
  });
}

/** A loss that was not a number is null in JSON. */
const loss = v.union([
  v.number(),
  v.pipe(
    v.null(),
    v.transform(() => Number.NaN),
  ),
]);
const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const stateSchema = v.object({
  step: natural,
  updates: natural,
  skipped: natural,
  elapsed: v.pipe(v.number(), v.minValue(0)),
  source: v.unknown(),
  validation: v.object({
    losses: v.record(v.string(), loss),
    weights: v.record(v.string(), v.number()),
    thresholds: v.record(v.string(), v.number()),
  }),
});

/** A checkpoint's parts, unchecked against any network. */
interface Checkpoint {
  readonly state: RunState;
  readonly stored: ReadonlyMap<string, StoredTensor>;
}

/**
 * Takes a checkpoint's file apart.
 *
 * @param path of the file, for messages
 * @throws {InvalidInputError} if it is no checkpoint or its header is damaged
 * @throws {WeightsInvalidError} if its tensors are damaged
 */
export function parseCheckpoint(bytes: Uint8Array, path: string): Checkpoint {
  const damaged = (actual: string, cause?: unknown) =>
    new InvalidInputError(`${path} is no checkpoint, or is damaged.`, {
      expected: 'what a training run wrote',
      actual,
      hint: 'Train in another folder; --from takes exported weights as a start.',
      cause,
    });
  if (bytes.length < 4) throw damaged(`${bytes.length} bytes`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (length > Math.min(MAX_HEADER_BYTES, bytes.length - 4)) throw damaged(`a header of ${length} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(4, 4 + length)));
  } catch (cause) {
    throw damaged('a header that is not JSON', cause);
  }
  const state = v.safeParse(stateSchema, json);
  if (!state.success) throw damaged(`a header with a wrong ${v.getDotPath(state.issues[0]) ?? 'content'}`);
  return { state: state.output, stored: parseSafetensors(bytes.subarray(4 + length), path) };
}

const openCheckpoint = async (path: string): Promise<Checkpoint> =>
  parseCheckpoint(await readBytes(path, 'the checkpoint of a training run'), path);

function floats(name: string, { dtype, bytes }: StoredTensor): Float32Array {
  if (dtype !== 'F32') {
    throw new InvalidInputError(`${name} is not stored as a checkpoint stores it.`, { expected: 'F32', actual: dtype });
  }
  return new Float32Array(new Uint8Array(bytes).buffer);
}

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
    if (parameter !== undefined) tensors.set(parameter, { shape: tensor.shape, data: floats(name, tensor) });
  }
  return { state, tensors };
}

/**
 * Takes up a checkpoint: fills `store` and `optimizer` with what they held when it was written.
 *
 * @throws {InvalidInputError} if it is of another model
 */
export async function readCheckpoint(path: string, store: ParameterStore, optimizer: Optimizer): Promise<RunState> {
  const { state, stored } = await openCheckpoint(path);
  const targets = arrays(store, optimizer);
  for (const kind of KINDS) {
    for (const [name, { shape }] of store.segments) {
      const tensor = stored.get(`${kind}.${name}`);
      if (!tensor || tensor.shape.join() !== shape.join()) {
        throw new InvalidInputError(`${path} does not fit the recipe's network.`, {
          expected: `${kind}.${name} [${shape.join(', ')}]`,
          actual: tensor ? `[${tensor.shape.join(', ')}]` : 'nothing',
        });
      }
      store.view(name, targets[kind]).set(floats(name, tensor));
    }
  }
  optimizer.steps = state.updates;
  return state;
}
