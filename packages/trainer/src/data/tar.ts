import { InvalidInputError } from '@swinface/core';
import { type ByteSource, FileSource } from '../files/byte-source.js';

const BLOCK = 512;
/** Names and other fields of one member, as PAX and GNU write them before its header. */
const MAX_EXTENSION = 2 ** 20;

/** Kinds of entries that matter here; directories, links and devices are passed over. */
const FILE = new Set(['', '0', '7']);
const PAX = 'x';
const PAX_OF_ALL = 'g';
const GNU_LONG_NAME = 'L';

interface TarMember {
  readonly offset: number;
  readonly bytes: number;
}

interface Header {
  readonly type: string;
  readonly name: string;
  readonly bytes: number;
}

/** Fields that go before a member's own header. */
interface Extension {
  readonly name?: string;
  readonly bytes?: number;
}

/** Names as they are compared: composed, as macOS does not write them, and without the "./" of a whole folder's archive. */
const comparable = (name: string): string => name.normalize('NFC').replace(/^(\.\/+)+/, '');

/** Random access to the members of an uncompressed tar file (v7, ustar, PAX, GNU); indexed once on opening. */
export class TarArchive {
  private constructor(
    private readonly path: string,
    private readonly source: ByteSource,
    private readonly members: ReadonlyMap<string, TarMember>,
    private readonly file?: FileSource,
  ) {}

  /** Names of all regular files in the archive. */
  get names(): readonly string[] {
    return [...this.members.keys()];
  }

  /**
   * Reads every header and remembers where each regular file lies.
   *
   * @throws {InvalidInputError} if the file cannot be read, is no tar archive or is cut short.
   */
  static async open(path: string): Promise<TarArchive> {
    const file = await FileSource.open(path);
    try {
      return new TarArchive(path, file, await index(file, path), file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * As {@link TarArchive.open}, from a source that is open already and stays the caller's.
   *
   * @param path of the file, for messages
   */
  static async from(source: ByteSource, path: string): Promise<TarArchive> {
    return new TarArchive(path, source, await index(source, path));
  }

  /**
   * Reads one member.
   *
   * @throws {InvalidInputError} if the archive has no such member.
   */
  async read(name: string): Promise<Buffer> {
    const member = this.members.get(comparable(name));
    if (!member) throw new InvalidInputError(`${this.path} has no member ${name}.`);
    return Buffer.from((await this.source.read(member.offset, member.bytes)).buffer);
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.file?.close();
  }
}

async function index(source: ByteSource, path: string): Promise<ReadonlyMap<string, TarMember>> {
  const invalid = (actual: string) =>
    new InvalidInputError(`${path} is not a readable tar archive.`, {
      expected: 'uncompressed tar with whole members',
      actual,
    });
  const members = new Map<string, TarMember>();
  let forAll: Extension = {};
  let forNext: Extension = {};
  for (let at = 0; at + BLOCK <= source.size; ) {
    const block = Buffer.from(await source.read(at, BLOCK));
    if (block.every((byte) => byte === 0)) break;
    const header = readHeader(block);
    if (!header) throw invalid(`a bad header at byte ${at}`);
    const extends_ = [PAX, PAX_OF_ALL, GNU_LONG_NAME].includes(header.type);
    const bytes = extends_ ? header.bytes : (forNext.bytes ?? forAll.bytes ?? header.bytes);
    const offset = at + BLOCK;
    if (offset + bytes > source.size) throw invalid(`a member at byte ${at} that is cut off`);
    if (extends_) {
      if (bytes > MAX_EXTENSION) throw invalid(`${bytes} bytes of names at byte ${at}`);
      const body = Buffer.from(await source.read(offset, bytes));
      const fields = header.type === GNU_LONG_NAME ? { name: text(body) } : readPax(body);
      if (!fields) throw invalid(`bad fields of a member at byte ${at}`);
      if (header.type === PAX_OF_ALL) forAll = { ...forAll, ...fields };
      else forNext = { ...forNext, ...fields };
    } else {
      const name = forNext.name ?? forAll.name ?? header.name;
      if (FILE.has(header.type)) members.set(comparable(name), { offset, bytes });
      forNext = {};
    }
    at = offset + Math.ceil(bytes / BLOCK) * BLOCK;
  }
  return members;
}

/** Text up to the first zero byte. */
function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}

/** Undefined if its checksum or its size is wrong. */
function readHeader(block: Buffer): Header | undefined {
  const sum = Number.parseInt(text(block.subarray(148, 156)).trim(), 8);
  // The checksum's own field counts as blanks.
  const actual = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  const bytes = readSize(block.subarray(124, 136));
  if (actual !== sum || bytes === undefined) return undefined;
  const name = text(block.subarray(0, 100));
  const prefix =
    text(block.subarray(257, 262)) === 'ustar' && block[263] === 0x30 ? text(block.subarray(345, 500)) : '';
  return { type: text(block.subarray(156, 157)), name: prefix ? `${prefix}/${name}` : name, bytes };
}

/** Octal digits; or, with the first bit set, a number in binary, as GNU writes sizes over 8 GiB. */
function readSize(field: Buffer): number | undefined {
  const binary = ((field[0] ?? 0) & 0x80) !== 0;
  const digits = text(field).trim();
  if (!binary && !/^[0-7]*$/.test(digits)) return undefined;
  const size = binary ? Number(field.readBigUInt64BE(4)) : Number.parseInt(digits || '0', 8);
  return Number.isSafeInteger(size) ? size : undefined;
}

/** Records "LENGTH KEY=VALUE\n", the length counting the whole record. */
function readPax(body: Buffer): Extension | undefined {
  let fields: Extension = {};
  for (let at = 0; at < body.length; ) {
    const blank = body.indexOf(0x20, at);
    const digits = blank < 0 ? '' : body.toString('latin1', at, blank);
    const length = Number(digits);
    if (!/^\d{1,7}$/.test(digits) || length <= digits.length + 2 || at + length > body.length) return undefined;
    const record = body.toString('utf8', blank + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (equals < 1 || body[at + length - 1] !== 0x0a) return undefined;
    const value = record.slice(equals + 1);
    const key = record.slice(0, equals);
    if (key === 'path') fields = { ...fields, name: value };
    if (key === 'size') {
      const bytes = Number(value);
      if (!/^\d{1,15}$/.test(value)) return undefined;
      fields = { ...fields, bytes };
    }
    at += length;
  }
  return fields;
}
