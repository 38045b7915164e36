/** Writes checkpoints as `torch.save` does, so that `torch.load(FILE, weights_only=True)` reads them. */
import { crc32 } from 'node:zlib';
import { type HostTensor, InvalidInputError, sizeOf } from '@swinface/core';
import type { StagedFile } from '../files/durable.js';

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Little-endian fields one after another, as [bytes of the field, value]. */
function record(...fields: readonly (readonly [2 | 4, number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += width;
  }
  return bytes;
}

const STORED = 0;
const VERSION = 20;
/** 1980-01-01: the same weights give the same file. */
const DATE = 0x21;
const UTF8_NAMES = 0x800;
/** PyTorch's own padding field, and the boundary it aligns entries to. */
const PADDING_FIELD = 0x4246;
const ALIGNMENT = 64;
const MAX_BYTES = 2 ** 32 - 1;
const MAX_ENTRIES = 0xffff - 1;

/** A zip archive of stored entries, written from front to back. */
class ZipWriter {
  readonly #directory: Uint8Array[] = [];
  #at = 0;

  constructor(private readonly file: StagedFile) {}

  async add(name: string, bytes: Uint8Array): Promise<void> {
    const path = utf8(name);
    const start = this.#at;
    const unpadded = start + 30 + path.length + 4;
    const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
    if (unpadded + padding + bytes.length > MAX_BYTES || this.#directory.length >= MAX_ENTRIES) {
      throw new InvalidInputError('The checkpoint is too large to be written.', { expected: 'less than 4 GiB' });
    }
    const common = [
      [2, UTF8_NAMES],
      [2, STORED],
      [2, 0],
      [2, DATE],
      [4, crc32(bytes)],
      [4, bytes.length],
      [4, bytes.length],
      [2, path.length],
    ] as const;
    await this.#write(record([4, 0x04034b50], [2, VERSION], ...common, [2, 4 + padding]));
    await this.#write(path);
    await this.#write(record([2, PADDING_FIELD], [2, padding]));
    await this.#write(new Uint8Array(padding));
    await this.#write(bytes);
    const entry = record(
      [4, 0x02014b50],
      [2, VERSION],
      [2, VERSION],
      ...common,
      [2, 0],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, start],
    );
    this.#directory.push(entry, path);
  }

  async finish(): Promise<void> {
    const start = this.#at;
    for (const part of this.#directory) await this.#write(part);
    const count = this.#directory.length / 2;
    await this.#write(
      record([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, this.#at - start], [4, start], [2, 0]),
    );
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.file.write(bytes);
    this.#at += bytes.length;
  }
}

/** The few opcodes that a dict of dicts of tensors takes; protocol 2, as PyTorch's. */
class Pickler {
  readonly #parts: Uint8Array[] = [Uint8Array.of(0x80, 2)];

  opcode(...bytes: readonly number[]): this {
    this.#parts.push(Uint8Array.from(bytes));
    return this;
  }

  text(value: string): this {
    const bytes = utf8(value);
    this.#parts.push(Uint8Array.of(0x58), record([4, bytes.length]), bytes);
    return this;
  }

  integer(value: number): this {
    this.#parts.push(Uint8Array.of(0x4a), record([4, value]));
    return this;
  }

  name(module: string, name: string): this {
    this.#parts.push(utf8(`c${module}\n${name}\n`));
    return this;
  }

  tuple(fill: () => void): this {
    this.opcode(0x28);
    fill();
    return this.opcode(0x74);
  }

  integers(values: readonly number[]): this {
    return this.tuple(() => {
      for (const value of values) this.integer(value);
    });
  }

  emptyOrderedDict(): this {
    return this.name('collections', 'OrderedDict').opcode(0x29, 0x52);
  }

  /** `torch._utils._rebuild_tensor_v2` of a contiguous float32 tensor on the CPU that owns its storage. */
  tensor(key: string, shape: readonly number[]): this {
    const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
    this.name('torch._utils', '_rebuild_tensor_v2');
    this.tuple(() => {
      this.tuple(() => this.text('storage').name('torch', 'FloatStorage').text(key).text('cpu').integer(sizeOf(shape)));
      this.opcode(0x51).integer(0); // BINPERSID; offset
      this.integers(shape).integers(strides);
      this.opcode(0x89).emptyOrderedDict(); // requires_grad; backward hooks
    });
    return this.opcode(0x52);
  }

  finish(): Uint8Array {
    this.opcode(0x2e);
    return Buffer.concat(this.#parts);
  }
}

/**
 * Writes weights as the authors lay out their checkpoint: `{'state_dict_backbone': ..., 'state_dict_fam': ...,
 * 'state_dict_tss': ..., 'state_dict_om': ...}`, each an OrderedDict of float32 tensors.
 *
 * @throws {InvalidInputError} if they take 4 GiB or more
 */
export async function writePytorch(
  file: StagedFile,
  shapes: ReadonlyMap<string, readonly number[]>,
  read: (name: string) => Promise<HostTensor>,
): Promise<void> {
  const names = [...shapes.keys()];
  const pickler = new Pickler().opcode(0x7d, 0x28); // EMPTY_DICT, MARK
  for (const part of new Set(names.map((name) => name.slice(0, name.indexOf('.'))))) {
    pickler.text(`state_dict_${part}`).emptyOrderedDict().opcode(0x28);
    names.forEach((name, key) => {
      if (!name.startsWith(`${part}.`)) return;
      pickler.text(name.slice(part.length + 1)).tensor(String(key), shapes.get(name) ?? []);
    });
    pickler.opcode(0x75); // SETITEMS
  }
  pickler.opcode(0x75);
  const archive = new ZipWriter(file);
  await archive.add('archive/data.pkl', pickler.finish());
  await archive.add('archive/byteorder', utf8('little'));
  for (const [key, name] of names.entries()) {
    const { data } = await read(name);
    await archive.add(`archive/data/${key}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  await archive.add('archive/version', utf8('3\n'));
  await archive.finish();
}
