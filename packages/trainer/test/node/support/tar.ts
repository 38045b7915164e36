/** A member of an archive, or a block that goes before one. */
export interface TarEntry {
  readonly name: string;
  readonly bytes: Buffer;
  /** '0' for a file. */
  readonly type?: string;
  /** The size that the header claims. */
  readonly size?: number;
}

/** Header and content of a member, padded. */
export function tarEntry({ name, bytes, type = '0', size = bytes.length }: TarEntry): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write(`${size.toString(8).padStart(11, '0')} `, 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** An uncompressed tar archive. */
export const tarOf = (...entries: readonly TarEntry[]): Buffer =>
  Buffer.concat([...entries.map(tarEntry), Buffer.alloc(1024)]);

/** An uncompressed tar archive of files. */
export const tar = (members: Readonly<Record<string, Buffer>>): Buffer =>
  tarOf(...Object.entries(members).map(([name, bytes]) => ({ name, bytes })));

/** A PAX record: its length counts itself. */
export function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return Buffer.from(`${length} ${key}=${value}\n`);
}
