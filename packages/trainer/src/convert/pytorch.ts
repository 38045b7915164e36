/**
 * Checkpoints of PyTorch (`torch.save` since 1.6): a zip archive with a pickle of the structure in `NAME/data.pkl` and one
 * entry `NAME/data/KEY` per storage. A tensor is a storage with an offset, a shape and strides, all in elements; several
 * tensors may look at one storage.
 * https://github.com/pytorch/pytorch/blob/main/torch/serialization.py, torch/_utils.py
 */
import { sizeOf, WeightsInvalidError } from '@swinface/core';
import { at } from '@swinface/core/internal';
import type { ByteSource } from '../files/byte-source.js';
import { BYTES_PER_ELEMENT, decodeElements, type StoredType } from './dtypes.js';
import { PickleGlobal, type PickleHost, PickleObject, PickleTuple, type PickleValue, unpickle } from './pickle.js';
import type { LazyTensor } from './tensors.js';
import { ZipArchive } from './zip.js';

const STORAGES: Readonly<Record<string, StoredType>> = {
  'torch DoubleStorage': 'F64',
  'torch FloatStorage': 'F32',
  'torch HalfStorage': 'F16',
  'torch BFloat16Storage': 'BF16',
  'torch LongStorage': 'I64',
  'torch IntStorage': 'I32',
  'torch ShortStorage': 'I16',
  'torch CharStorage': 'I8',
  'torch ByteStorage': 'U8',
  'torch BoolStorage': 'BOOL',
};

const MAX_PICKLE_BYTES = 16 * 2 ** 20;
/** A tensor with gaps between its elements is read with them; no weight of ours spans a tenth of this. */
const MAX_SPAN_BYTES = 256 * 2 ** 20;
const MAX_DIMENSIONS = 8;

/** Where a pickle says that numbers lie. */
class Storage extends PickleObject {
  readonly kind = 'storage';
  constructor(
    readonly type: StoredType,
    readonly key: string,
    readonly elements: number,
  ) {
    super();
  }
}

/** A tensor as the pickle describes it. */
export class PickledTensor extends PickleObject {
  readonly kind = 'tensor';
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }
}

const refuse = (what: string) => new WeightsInvalidError(`The checkpoint is invalid: ${what}.`);

const isNatural = (value: PickleValue | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function naturals(value: PickleValue | undefined, what: string): readonly number[] {
  if (!(value instanceof PickleTuple) || value.items.length > MAX_DIMENSIONS || !value.items.every(isNatural)) {
    throw refuse(`${what} is not a tuple of at most ${MAX_DIMENSIONS} whole numbers`);
  }
  return value.items;
}

/** Elements from a tensor's first to its last, both counted; 0 if it has none. */
const spanOf = ({ shape, strides }: Pick<PickledTensor, 'shape' | 'strides'>): number =>
  shape.includes(0) ? 0 : shape.reduce((span, side, axis) => span + (side - 1) * at(strides, axis), 1);

/** `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`. */
function rebuildTensor([storage, offset, size, stride]: readonly PickleValue[]): PickledTensor {
  if (!(storage instanceof Storage)) throw refuse('a tensor has no storage');
  if (!isNatural(offset)) throw refuse("a tensor's offset is not a whole number");
  const tensor = new PickledTensor(storage, offset, naturals(size, 'a shape'), naturals(stride, 'a stride'));
  if (tensor.shape.length !== tensor.strides.length) throw refuse('a tensor has not as many strides as sides');
  if (!(offset + spanOf(tensor) <= storage.elements)) {
    throw refuse(`a tensor reaches beyond its storage ${storage.key} of ${storage.elements} elements`);
  }
  return tensor;
}

/** `torch._utils._rebuild_parameter(data, requires_grad, backward_hooks)`. */
function rebuildParameter([data]: readonly PickleValue[]): PickledTensor {
  if (!(data instanceof PickledTensor)) throw refuse('a parameter has no tensor');
  return data;
}

/** `collections.OrderedDict()`; its entries follow. */
function orderedDict(args: readonly PickleValue[]): PickleValue {
  if (args.length > 0) throw refuse('an OrderedDict is built from arguments');
  return new Map();
}

/** The id of a storage: ('storage', its class, key, device, elements). */
function persistentStorage(id: PickleValue): Storage {
  const [kind, type, key, , elements] = id instanceof PickleTuple ? id.items : [];
  const stored = type instanceof PickleGlobal ? STORAGES[type.name] : undefined;
  if (kind !== 'storage' || !stored || typeof key !== 'string' || !/^\d{1,10}$/.test(key) || !isNatural(elements)) {
    throw refuse('a reference is not that of a storage');
  }
  return new Storage(stored, key, elements);
}

const HOST: PickleHost = {
  globals: new Map<string, ((args: readonly PickleValue[]) => PickleValue) | null>([
    ['collections OrderedDict', orderedDict],
    ['torch._utils _rebuild_tensor_v2', rebuildTensor],
    ['torch._utils _rebuild_parameter', rebuildParameter],
    ...Object.keys(STORAGES).map((name) => [name, null] as const),
  ]),
  persistent: persistentStorage,
};

/** Reads the structure of a checkpoint: values, and tensors without their numbers. */
export const unpickleCheckpoint = (bytes: Uint8Array): PickleValue => unpickle(bytes, HOST);

/** An opened checkpoint. */
export interface PytorchCheckpoint {
  /** What was saved; tensors in it are {@link PickledTensor}s. */
  readonly value: PickleValue;
  /** A tensor's numbers on demand. */
  lazy(name: string, tensor: PickledTensor): LazyTensor;
}

/**
 * Opens a checkpoint. Only its directory and its pickle are read; tensors follow one by one.
 *
 * @throws {WeightsInvalidError} if it is no such checkpoint, is damaged, or holds anything but tensors and plain values
 */
export async function openPytorch(source: ByteSource): Promise<PytorchCheckpoint> {
  const archive = await ZipArchive.open(source);
  const pickles = archive.names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw new WeightsInvalidError('The zip archive is no PyTorch checkpoint.', {
      expected: 'one entry NAME/data.pkl',
      actual: `${pickles.length} of them`,
    });
  }
  const root = pickle.slice(0, pickle.indexOf('/'));
  if (archive.has(`${root}/constants.pkl`)) {
    throw new WeightsInvalidError('The file is a TorchScript program, not a checkpoint.', {
      expected: 'what torch.save wrote',
      hint: 'In PyTorch: torch.save(torch.jit.load(FILE).state_dict(), NEW).',
    });
  }
  if (archive.has(`${root}/byteorder`) && archive.sizeOf(`${root}/byteorder`) < 100) {
    const order = new TextDecoder().decode(await archive.read(`${root}/byteorder`));
    if (order !== 'little') {
      throw new WeightsInvalidError('The checkpoint was saved on another kind of machine.', {
        expected: 'byte order "little"',
        actual: JSON.stringify(order),
      });
    }
  }
  if (archive.sizeOf(pickle) > MAX_PICKLE_BYTES) {
    throw new WeightsInvalidError("The checkpoint's pickle is too large.", {
      expected: `at most ${MAX_PICKLE_BYTES} bytes`,
      actual: String(archive.sizeOf(pickle)),
    });
  }
  const value = unpickleCheckpoint(await archive.read(pickle));
  return {
    value,
    lazy: (name, tensor) => ({
      type: tensor.storage.type,
      shape: tensor.shape,
      read: () => readTensor(archive, root, name, tensor),
    }),
  };
}

async function readTensor(
  archive: ZipArchive,
  root: string,
  name: string,
  tensor: PickledTensor,
): Promise<Float32Array> {
  const { storage, offset, shape } = tensor;
  const entry = `${root}/data/${storage.key}`;
  const width = BYTES_PER_ELEMENT[storage.type];
  if (archive.sizeOf(entry) !== storage.elements * width) {
    throw new WeightsInvalidError(`The storage of ${name} has the wrong size.`, {
      expected: `${storage.elements} elements of ${width} bytes`,
      actual: `${archive.sizeOf(entry)} bytes`,
    });
  }
  const span = spanOf(tensor);
  if (Math.max(span, sizeOf(shape)) * width > MAX_SPAN_BYTES) {
    throw new WeightsInvalidError(`The tensor ${name} is too large, or its elements lie too far apart.`, {
      expected: `at most ${MAX_SPAN_BYTES} bytes from first to last`,
      hint: 'In PyTorch, save tensor.contiguous().clone().',
    });
  }
  const bytes = await archive.read(entry, offset * width, (offset + span) * width);
  return gather(tensor, decodeElements(name, storage.type, bytes));
}

/** Elements in row-major order, from the stretch of the storage that holds them. */
function gather({ shape, strides }: PickledTensor, stretch: Float32Array): Float32Array {
  const count = sizeOf(shape);
  if (isContiguous(shape, strides)) return stretch;
  const out = new Float32Array(count);
  const place = shape.map(() => 0);
  let from = 0;
  for (let i = 0; i < count; i++) {
    out[i] = at(stretch, from);
    // The next coordinates: as an odometer turns.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += at(strides, axis);
      place[axis] = at(place, axis) + 1;
      if (place[axis] !== shape[axis]) break;
      from -= at(shape, axis) * at(strides, axis);
      place[axis] = 0;
    }
  }
  return out;
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const side = at(shape, axis);
    if (side !== 1 && strides[axis] !== step) return false;
    step *= side;
  }
  return true;
}
