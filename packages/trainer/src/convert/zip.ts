/**
 * Zip archives as PyTorch writes them: stored entries, zip64, read by range. Nothing in the file is trusted: entries must
 * lie inside the file without overlapping, names must be unique, both headers must agree and checksums must hold.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (numbers below are its section 4.3 and 4.5.3)
 */
import { crc32 } from 'node:zlib';
import { WeightsInvalidError } from '@swinface/core';
import type { ByteSource } from '../files/byte-source.js';

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_RECORD = 0x06054b50;
const END_RECORD_64 = 0x06064b50;
const END_LOCATOR_64 = 0x07064b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const END_BYTES_64 = 56;
const LOCATOR_BYTES = 20;
const ZIP64_FIELD = 1;
const ENCRYPTED = 1;
const STORED = 0;
const NONE_16 = 0xffff;
const NONE_32 = 0xffffffff;

/** A full-size checkpoint with its optimiser has about 1,300 entries and 100 kB of directory. */
const MAX_ENTRIES = 100_000;
const MAX_DIRECTORY_BYTES = 16 * 2 ** 20;
const CHUNK_BYTES = 2 ** 20;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly offset: number;
  /** Where the next entry or the directory starts: this one may not reach beyond. */
  readonly limit: number;
}

const damaged = (what: string) => new WeightsInvalidError(`The zip archive is damaged: ${what}.`);

/** An opened archive: its directory, checked, and its entries on demand. */
export class ZipArchive {
  /** Entries whose checksum was found right. */
  readonly #verified = new Set<string>();

  private constructor(
    private readonly source: ByteSource,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** @throws {WeightsInvalidError} if this is no zip archive or its directory does not hold together */
  static async open(source: ByteSource): Promise<ZipArchive> {
    return new ZipArchive(source, await readDirectory(source));
  }

  get names(): readonly string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** @throws {WeightsInvalidError} if there is no such entry */
  sizeOf(name: string): number {
    return this.#entry(name).size;
  }

  /**
   * Reads part of an entry. The first time, the whole entry passes by in small pieces for its checksum.
   *
   * @throws {WeightsInvalidError} if there is no such entry, it is compressed or encrypted, or its checksum is wrong
   */
  async read(name: string, begin = 0, end = this.sizeOf(name)): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entry(name);
    if (!(begin >= 0 && begin <= end && end <= entry.size)) {
      throw new WeightsInvalidError(`${name} has no bytes ${begin} to ${end}.`, { expected: `at most ${entry.size}` });
    }
    const start = await this.#dataStart(entry);
    if (this.#verified.has(name)) return this.source.read(start + begin, end - begin);
    if (begin === 0 && end === entry.size) {
      const bytes = await this.source.read(start, entry.size);
      this.#check(entry, crc32(bytes));
      return bytes;
    }
    let sum = 0;
    for (let at = 0; at < entry.size; at += CHUNK_BYTES) {
      sum = crc32(await this.source.read(start + at, Math.min(CHUNK_BYTES, entry.size - at)), sum);
    }
    this.#check(entry, sum);
    return this.source.read(start + begin, end - begin);
  }

  #entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw new WeightsInvalidError(`The archive lacks the entry ${JSON.stringify(name)}.`);
    return entry;
  }

  #check(entry: Entry, sum: number): void {
    if (sum !== entry.crc) {
      throw new WeightsInvalidError(`${entry.name} is damaged: its checksum (CRC-32) is wrong.`, {
        expected: entry.crc.toString(16),
        actual: sum.toString(16),
        hint: 'Copy or download the file again.',
      });
    }
    this.#verified.add(entry.name);
  }

  /** Position of the entry's bytes, after a header that must agree with the directory. */
  async #dataStart(entry: Entry): Promise<number> {
    const { name, method, encrypted, offset, limit, size } = entry;
    if (encrypted) throw new WeightsInvalidError(`${name} is encrypted.`, { expected: 'a plain archive' });
    if (method !== STORED || entry.packedSize !== size) {
      throw new WeightsInvalidError(`${name} is compressed.`, {
        expected: 'stored entries, as torch.save writes them',
        actual: `method ${method}`,
        hint: 'Save the checkpoint again with torch.save rather than zipping it.',
      });
    }
    const header = view(await this.source.read(offset, LOCAL_BYTES));
    if (header.getUint32(0, true) !== LOCAL_HEADER) throw damaged(`${name} does not start where it should`);
    const nameBytes = header.getUint16(26, true);
    const start = offset + LOCAL_BYTES + nameBytes + header.getUint16(28, true);
    if (header.getUint16(8, true) !== method || start + size > limit) throw damaged(`${name} does not fit its header`);
    if (decodeName(await this.source.read(offset + LOCAL_BYTES, nameBytes)) !== name) {
      throw damaged(`${name} has another name in its own header`);
    }
    return start;
  }
}

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw damaged('a name is not UTF-8');
  }
}

interface Directory {
  readonly count: number;
  readonly bytes: number;
  readonly offset: number;
  /** Where the records after the directory start. */
  readonly end: number;
}

/** A 64-bit field as a number that is exact. */
function getUint64(from: DataView, at: number): number {
  const value = from.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(`it names the position ${value}`);
  return Number(value);
}

/** Finds the end record: the last thing in the file, followed by a comment of at most 65,535 bytes. */
async function findDirectory(source: ByteSource): Promise<Directory> {
  const tailBytes = Math.min(source.size, END_BYTES + NONE_16);
  const tailStart = source.size - tailBytes;
  const tail = view(await source.read(tailStart, tailBytes));
  let at = tailBytes - END_BYTES;
  const isEnd = () =>
    tail.getUint32(at, true) === END_RECORD && tail.getUint16(at + 20, true) === tailBytes - at - END_BYTES;
  while (at >= 0 && !isEnd()) at--;
  if (at < 0) {
    throw new WeightsInvalidError('This is not a zip archive, or it is cut short: it has no end record.', {
      hint: 'If it was downloaded, download it again.',
    });
  }
  const record = {
    disks: [tail.getUint16(at + 4, true), tail.getUint16(at + 6, true)],
    count: tail.getUint16(at + 10, true),
    bytes: tail.getUint32(at + 12, true),
    offset: tail.getUint32(at + 16, true),
    end: tailStart + at,
  };
  const position = tailStart + at - LOCATOR_BYTES;
  if (position >= 0) {
    const locator = view(await source.read(position, LOCATOR_BYTES));
    if (locator.getUint32(0, true) === END_LOCATOR_64) {
      return findDirectory64(source, getUint64(locator, 8), position);
    }
  }
  if (record.disks.some((disk) => disk !== 0)) throw damaged('it claims to span several disks');
  return record;
}

async function findDirectory64(source: ByteSource, offset: number, locator: number): Promise<Directory> {
  if (offset + END_BYTES_64 > locator) throw damaged('its zip64 end record is not where it should be');
  const record = view(await source.read(offset, END_BYTES_64));
  if (record.getUint32(0, true) !== END_RECORD_64) throw damaged('its zip64 end record is missing');
  if (record.getUint32(16, true) !== 0 || record.getUint32(20, true) !== 0) {
    throw damaged('it claims to span several disks');
  }
  return { count: getUint64(record, 32), bytes: getUint64(record, 40), offset: getUint64(record, 48), end: offset };
}

async function readDirectory(source: ByteSource): Promise<ReadonlyMap<string, Entry>> {
  const { count, bytes, offset, end } = await findDirectory(source);
  if (count > MAX_ENTRIES || bytes > MAX_DIRECTORY_BYTES) {
    throw new WeightsInvalidError('The zip archive has too many entries for a checkpoint.', {
      expected: `at most ${MAX_ENTRIES}`,
      actual: `${count} in ${bytes} bytes`,
    });
  }
  if (offset + bytes > end) throw damaged('its directory does not end before its end record');
  const directory = await source.read(offset, bytes);
  const listed: Omit<Entry, 'limit'>[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const { entry, length } = readEntry(directory.subarray(at));
    listed.push(entry);
    at += length;
  }
  if (at !== bytes) throw damaged('its directory has bytes that belong to no entry');
  return arrange(listed, offset);
}

function readEntry(directory: Uint8Array): { entry: Omit<Entry, 'limit'>; length: number } {
  const header = view(directory);
  if (directory.length < CENTRAL_BYTES || header.getUint32(0, true) !== CENTRAL_HEADER) {
    throw damaged('its directory has fewer entries than it says');
  }
  const nameEnd = CENTRAL_BYTES + header.getUint16(28, true);
  const extraEnd = nameEnd + header.getUint16(30, true);
  const length = extraEnd + header.getUint16(32, true);
  if (length > directory.length) throw damaged('an entry of its directory is cut short');
  if (header.getUint16(34, true) !== 0) throw damaged('it claims to span several disks');
  const name = decodeName(directory.subarray(CENTRAL_BYTES, nameEnd));
  const [size, packedSize, offset] = widen(
    [header.getUint32(24, true), header.getUint32(20, true), header.getUint32(42, true)],
    directory.subarray(nameEnd, extraEnd),
  );
  const entry = {
    name,
    method: header.getUint16(10, true),
    encrypted: (header.getUint16(8, true) & ENCRYPTED) !== 0,
    crc: header.getUint32(16, true),
    packedSize,
    size,
    offset,
  };
  return { entry, length };
}

/** Takes from the zip64 extra field, in its fixed order, the values that do not fit 32 bits. */
function widen(values: readonly [number, number, number], extra: Uint8Array): readonly [number, number, number] {
  if (!values.includes(NONE_32)) return values;
  const fields = view(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = fields.getUint16(at + 2, true);
    if (at + 4 + length > extra.length) break;
    if (fields.getUint16(at, true) === ZIP64_FIELD) {
      let next = at + 4;
      const [size, packedSize, offset] = values.map((value) => {
        if (value !== NONE_32) return value;
        if (next + 8 > at + 4 + length) throw damaged('a zip64 field is too short');
        next += 8;
        return getUint64(fields, next - 8);
      });
      return [size ?? 0, packedSize ?? 0, offset ?? 0];
    }
    at += 4 + length;
  }
  throw damaged('a zip64 field is missing');
}

/** Puts entries in the order they lie in, so that none can share bytes with another: all together fit the file. */
function arrange(listed: readonly Omit<Entry, 'limit'>[], directory: number): ReadonlyMap<string, Entry> {
  const sorted = [...listed].sort((a, b) => a.offset - b.offset);
  const entries = new Map<string, Entry>();
  sorted.forEach((entry, i) => {
    const limit = sorted[i + 1]?.offset ?? directory;
    if (entries.has(entry.name)) throw damaged(`it has two entries ${JSON.stringify(entry.name)}`);
    if (entry.offset + LOCAL_BYTES + entry.packedSize > limit) throw damaged(`${entry.name} overlaps what follows it`);
    entries.set(entry.name, { ...entry, limit });
  });
  return entries;
}
