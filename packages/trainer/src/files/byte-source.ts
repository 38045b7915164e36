import { type FileHandle, open } from 'node:fs/promises';
import { InvalidInputError, WeightsInvalidError } from '@swinface/core';

/** Random access to a file's bytes, so that a checkpoint of a gigabyte is never in memory as a whole. */
export interface ByteSource {
  readonly size: number;
  /**
   * @returns exactly `length` bytes, the caller's own
   * @throws {WeightsInvalidError} if the range is not within the file
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

function checkRange(name: string, size: number, offset: number, length: number): void {
  const within = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (within && offset + length <= size) return;
  throw new WeightsInvalidError(`${name} is damaged: it points outside itself.`, {
    expected: `a range within ${size} bytes`,
    actual: `${length} bytes at ${offset}`,
  });
}

/** Bytes that are already in memory. */
export class MemorySource implements ByteSource {
  constructor(
    private readonly bytes: Uint8Array,
    private readonly name = 'The file',
  ) {}

  get size(): number {
    return this.bytes.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(this.name, this.size, offset, length);
    // Copied by hand: slice() of a Node Buffer shares its memory.
    const copy = new Uint8Array(length);
    copy.set(this.bytes.subarray(offset, offset + length));
    return copy;
  }
}

/** A file on disk. */
export class FileSource implements ByteSource {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    readonly size: number,
  ) {}

  /** @throws {InvalidInputError} if there is no such file */
  static async open(path: string): Promise<FileSource> {
    const unreadable = (cause: unknown) => new InvalidInputError(`${path} cannot be read.`, { cause });
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (cause) {
      throw unreadable(cause);
    }
    const stat = await handle.stat();
    if (stat.isFile()) return new FileSource(path, handle, stat.size);
    await handle.close();
    throw unreadable(new Error('It is not a file.'));
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(this.path, this.size, offset, length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw new InvalidInputError(`${this.path} became shorter while it was read.`);
      done += bytesRead;
    }
    return bytes;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}
