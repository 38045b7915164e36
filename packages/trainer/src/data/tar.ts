import { type FileHandle, open } from 'node:fs/promises';
import { InvalidInputError } from '@swinface/core';

const BLOCK = 512;

interface TarMember {
  readonly offset: number;
  readonly bytes: number;
}

const text = (block: Buffer, from: number, to: number): string => {
  const field = block.subarray(from, to);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
};

/** Random access to the members of an uncompressed tar file; indexed once on opening. */
export class TarArchive {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    private readonly members: ReadonlyMap<string, TarMember>,
  ) {}

  /** Names of all regular files in the archive. */
  get names(): readonly string[] {
    return [...this.members.keys()];
  }

  /**
   * Reads every header and remembers where each regular file lies.
   *
   * @throws {InvalidInputError} if the file is no tar archive or is cut short.
   */
  static async open(path: string): Promise<TarArchive> {
    const handle = await open(path, 'r');
    try {
      const members = new Map<string, TarMember>();
      const { size } = await handle.stat();
      const header = Buffer.alloc(BLOCK);
      for (let at = 0; at + BLOCK <= size; ) {
        await handle.read(header, 0, BLOCK, at);
        if (header.every((byte) => byte === 0)) break;
        const bytes = Number.parseInt(text(header, 124, 136).trim() || '0', 8);
        const sum = Number.parseInt(text(header, 148, 156).trim(), 8);
        let actual = 8 * 32;
        for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) actual += header[i] ?? 0;
        if (actual !== sum || !(bytes >= 0) || at + BLOCK + bytes > size) {
          throw new InvalidInputError(`${path} is not a readable tar archive.`, {
            expected: 'uncompressed tar with whole members',
            actual: `a bad or cut-off header at byte ${at}`,
          });
        }
        const type = text(header, 156, 157);
        const prefix = text(header, 257, 262) === 'ustar' ? text(header, 345, 500) : '';
        const name = text(header, 0, 100);
        if (type === '' || type === '0') {
          members.set(prefix ? `${prefix}/${name}` : name, { offset: at + BLOCK, bytes });
        }
        at += BLOCK + Math.ceil(bytes / BLOCK) * BLOCK;
      }
      return new TarArchive(path, handle, members);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Reads one member.
   *
   * @throws {InvalidInputError} if the archive has no such member.
   */
  async read(name: string): Promise<Buffer> {
    const member = this.members.get(name);
    if (!member) throw new InvalidInputError(`${this.path} has no member ${name}.`);
    const bytes = Buffer.alloc(member.bytes);
    await this.handle.read(bytes, 0, member.bytes, member.offset);
    return bytes;
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.handle.close();
  }
}
