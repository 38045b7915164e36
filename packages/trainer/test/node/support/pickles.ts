/** Pickles and zip archives by hand, as no library would write them. */
import { crc32 } from 'node:zlib';

/** Text as UTF-8, numbers as single bytes. */
export type Part = string | number | Uint8Array | readonly number[];

/** Bytes of the parts one after another. */
export const bytes = (...parts: readonly Part[]): Buffer =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(part);
      return typeof part === 'number' ? Buffer.of(part) : Buffer.from(part);
    }),
  );

export const u16 = (value: number): Buffer => {
  const field = Buffer.alloc(2);
  field.writeUInt16LE(value);
  return field;
};

export const u32 = (value: number): Buffer => {
  const field = Buffer.alloc(4);
  field.writeUInt32LE(value);
  return field;
};

/** BINUNICODE. */
export const text = (value: string): Buffer => bytes('X', u32(Buffer.byteLength(value)), value);

/** A whole pickle of protocol 2. */
export const pickle = (...parts: readonly Part[]): Buffer => bytes(0x80, 2, ...parts, '.');

/** What a zip entry may lie about. */
export interface ZipEntry {
  readonly name: string;
  readonly data: Uint8Array;
  readonly crc?: number;
  readonly method?: number;
  readonly flags?: number;
  readonly size?: number;
  readonly offset?: number;
  readonly localName?: string;
  readonly extra?: Uint8Array;
}

/** An archive without zip64. */
export function zip(entries: readonly ZipEntry[], count = entries.length): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const { name, data, method = 0, flags = 0, size = data.length, extra = new Uint8Array() } = entry;
    const common = [u16(flags), u16(method), u32(0), u32(entry.crc ?? crc32(data)), u32(size), u32(size)] as const;
    const { localName = name, offset = at } = entry;
    const local = bytes(u32(0x04034b50), u16(20), ...common, u16(localName.length), u16(0), localName, data);
    directory.push(
      bytes(u32(0x02014b50), u16(20), u16(20), ...common, u16(name.length), u16(extra.length)),
      bytes(u16(0), u16(0), u16(0), u32(0), u32(offset), name, extra),
    );
    locals.push(local);
    at += local.length;
  }
  const central = Buffer.concat(directory);
  return bytes(
    ...locals,
    central,
    u32(0x06054b50),
    u32(0),
    u16(count),
    u16(count),
    u32(central.length),
    u32(at),
    u16(0),
  );
}
