import { InvalidInputError, type Manifest, WeightsInvalidError } from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { type ByteSource, FileSource } from '../files/byte-source.js';
import { type PickleDict, PickleObject, PickleTuple, type PickleValue } from './pickle.js';
import { openPytorch, PickledTensor, type PytorchCheckpoint } from './pytorch.js';
import { openSafetensors } from './safetensors-file.js';
import type { Ignored, LazyTensor } from './tensors.js';

/** A file's tensors by the name they have in it, and what else was found. */
export interface WeightFile {
  /** Kind of file, for people. */
  readonly format: string;
  readonly tensors: ReadonlyMap<string, LazyTensor>;
  readonly ignored: readonly Ignored[];
  /** Of our own files. */
  readonly manifest?: Manifest;
}

/** First bytes of `torch.save` before 1.6: a pickled magic number. */
const LEGACY_PYTORCH = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const ACCEPTED = 'a PyTorch checkpoint (.pt, .pth), a safetensors file, or the manifest (.json) of a model of ours';

const startsWith = (bytes: Uint8Array, prefix: readonly number[]) => prefix.every((byte, i) => bytes[i] === byte);

/**
 * Opens a weight file of any kind that is known, by its content.
 *
 * @param use is called with the opened file, which closes when it ends
 * @throws {InvalidInputError} if there is no such file, or it is of no kind that is known
 * @throws {WeightsInvalidError} if it is damaged or holds what is refused
 */
export async function withWeightFile<T>(path: string, use: (file: WeightFile) => Promise<T>): Promise<T> {
  const source = await FileSource.open(path);
  try {
    return await use(await openWeightFile(source, path));
  } finally {
    await source.close();
  }
}

/**
 * As {@link withWeightFile}, from a source that is open already.
 *
 * @param path of the file, for messages and for the shards beside a manifest
 */
export async function openWeightFile(source: ByteSource, path: string): Promise<WeightFile> {
  const head = await source.read(0, Math.min(source.size, 16));
  // First, because its first bytes are a length and may look like anything: below 2^32, then the brace that opens a header.
  if (startsWith(head.subarray(4), [0, 0, 0, 0, 0x7b])) {
    return { format: 'safetensors', tensors: withPlainNames(await openSafetensors(source)), ignored: [] };
  }
  if (startsWith(head, [0x50, 0x4b])) return fromPytorch(await openPytorch(source));
  if (startsWith(head, LEGACY_PYTORCH)) {
    throw new WeightsInvalidError(`${path} was saved in the format that PyTorch used before version 1.6.`, {
      expected: 'a zip archive, as torch.save writes since',
      hint: 'In PyTorch: torch.save(torch.load(FILE, map_location="cpu", weights_only=True), NEW).',
    });
  }
  if (head[0] === 0x80) throw unknown(path, 'a bare pickle');
  if (head[0] === 0x7b) return fromManifest(path);
  throw unknown(path, head.length === 0 ? 'an empty file' : `first bytes ${[...head.subarray(0, 8)].join(' ')}`);
}

function withPlainNames(tensors: ReadonlyMap<string, LazyTensor>): ReadonlyMap<string, LazyTensor> {
  const plain = new Map([...tensors].map(([name, tensor]) => [plainName(name), tensor]));
  if (plain.size === tensors.size) return plain;
  throw new WeightsInvalidError('The file has tensors whose names differ by "module." or "_orig_mod." alone.');
}

const unknown = (path: string, actual: string) =>
  new InvalidInputError(`${path} is no weight file that can be read.`, { expected: ACCEPTED, actual });

async function fromManifest(path: string): Promise<WeightFile> {
  const { manifest, weights } = await readModelFile(path);
  const tensors = new Map<string, LazyTensor>();
  for (const [name, { shape, data }] of weights) {
    tensors.set(name, { type: 'F32', shape, read: async () => data });
  }
  return { format: 'model with a manifest', tensors, ignored: [], manifest };
}

/** Parts of the authors' checkpoint by their key in it, and what their tensors' names begin with. */
const STATE_DICTS: Readonly<Record<string, string>> = {
  state_dict_backbone: 'backbone',
  state_dict_fam: 'fam',
  state_dict_tss: 'tss',
  state_dict_om: 'om',
};
/** What DistributedDataParallel and torch.compile put in front of the names of a module. */
const WRAPPERS = /(^|\.)(?:module\.|_orig_mod\.)+/g;
const plainName = (name: string): string => name.replace(WRAPPERS, '$1');
/** Keys under which training scripts put the weights beside other things, in the order in which they are looked for. */
const NESTED = ['state_dict', 'model_state_dict', 'model', 'net'];
const MAX_NESTING = 4;
const TRAINING_ONLY: Readonly<Record<string, string>> = {
  state_dict_softmax_fc: 'the classifier of the training identities, which only training needs',
  state_optimizer: "the optimiser's state, which only training needs",
  optimizer: "the optimiser's state, which only training needs",
  optimizer_state_dict: "the optimiser's state, which only training needs",
  state_lr_scheduler: "the learning rate's schedule, which only training needs",
  epoch: "the training run's position",
  global_step: "the training run's position",
  local_step: "the training run's position",
};

/** @throws {WeightsInvalidError} if the checkpoint is neither laid out as the authors' nor one plain state_dict */
export function fromPytorch(checkpoint: PytorchCheckpoint): WeightFile {
  const tensors = new Map<string, LazyTensor>();
  const ignored: Ignored[] = [];
  const root = weightsIn(checkpoint.value, ignored);
  const add = (name: string, tensor: PickledTensor) => {
    if (tensors.has(name)) throw new WeightsInvalidError(`The checkpoint has the tensor ${name} twice.`);
    tensors.set(name, checkpoint.lazy(name, tensor));
  };
  const parts = Object.entries(STATE_DICTS).filter(([key]) => root.has(key));
  for (const [key, part] of parts) {
    for (const [name, tensor] of stateDict(key, root.get(key) ?? null)) add(`${part}.${name}`, tensor);
  }
  for (const [key, value] of root) {
    const name = String(key);
    if (Object.hasOwn(STATE_DICTS, name)) continue;
    // Beside the authors' parts nothing is a weight; without them the whole must be one state_dict.
    if (parts.length === 0 && value instanceof PickledTensor) add(plainName(name), value);
    else ignored.push(leftAside(name, value));
  }
  return { format: 'PyTorch checkpoint', tensors, ignored };
}

/** The dict that holds the weights: the whole checkpoint, or what it has under one of the usual keys. */
function weightsIn(value: PickleValue, ignored: Ignored[], depth = 0): PickleDict {
  if (!(value instanceof Map)) {
    throw new WeightsInvalidError('The checkpoint holds no weights by name.', {
      expected: 'a dict of state_dicts, or one state_dict',
      actual: describe(value),
      hint: 'If it is a module, save its state_dict() in PyTorch.',
    });
  }
  const keys = [...value.keys()].map(String);
  const isHere = keys.some((key) => Object.hasOwn(STATE_DICTS, key)) || [...value.values()].some(isTensor);
  const inner = isHere || depth === MAX_NESTING ? undefined : NESTED.find((key) => value.get(key) instanceof Map);
  if (inner === undefined) return value;
  for (const [key, other] of value) if (key !== inner) ignored.push(leftAside(String(key), other));
  return weightsIn(value.get(inner) ?? null, ignored, depth + 1);
}

const isTensor = (value: PickleValue): boolean => value instanceof PickledTensor;

function leftAside(name: string, value: PickleValue): Ignored {
  const why = Object.hasOwn(TRAINING_ONLY, name) ? TRAINING_ONLY[name] : undefined;
  return { what: name, tensors: countTensors(value), why: why ?? 'not part of the network' };
}

/** Tensors of one of the authors' parts, by name. */
function stateDict(part: string, value: PickleValue): readonly (readonly [string, PickledTensor])[] {
  if (!(value instanceof Map)) throw new WeightsInvalidError(`${part} is no state_dict but ${describe(value)}.`);
  return Array.from(value, ([key, tensor]) => {
    const name = String(key);
    if (tensor instanceof PickledTensor) return [plainName(name), tensor] as const;
    throw new WeightsInvalidError(`${part} holds ${describe(tensor)} as ${JSON.stringify(name.slice(0, 100))}.`, {
      expected: 'tensors',
    });
  });
}

/** Tensors in a value; each container is entered once, however often it is referred to. */
function countTensors(value: PickleValue): number {
  const seen = new Set<PickleValue>();
  const queue = [value];
  let count = 0;
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (next instanceof PickledTensor) count++;
    const inner =
      next instanceof Map ? next.values() : Array.isArray(next) ? next : next instanceof PickleTuple ? next.items : [];
    for (const item of inner) {
      if (typeof item !== 'object' || item === null || seen.has(item)) continue;
      seen.add(item);
      queue.push(item);
    }
  }
  return count;
}

function describe(value: PickleValue): string {
  if (value === null) return 'None';
  if (value instanceof Map) return `a dict of ${value.size} entries`;
  if (Array.isArray(value)) return `a list of ${value.length} entries`;
  if (value instanceof PickleTuple) return `a tuple of ${value.items.length} entries`;
  if (value instanceof PickleObject) return `a ${value.kind}`;
  return typeof value === 'object' ? 'bytes' : `a ${typeof value}`;
}
