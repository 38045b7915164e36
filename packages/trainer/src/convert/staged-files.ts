import { type FileHandle, mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Small writes are gathered up to this many bytes. */
const BUFFER_BYTES = 2 ** 18;

/** A file being written from front to back. */
export class StagedFile {
  #waiting: Uint8Array[] = [];
  #size = 0;

  constructor(private readonly handle: FileHandle) {}

  /** Appends bytes, which must not change until {@link StagedFile.flush}. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#size + bytes.length > BUFFER_BYTES) await this.flush();
    if (bytes.length > BUFFER_BYTES) return this.#writeAll(bytes);
    this.#waiting.push(bytes);
    this.#size += bytes.length;
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#size = 0;
    await this.#writeAll(bytes);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done);
      done += bytesWritten;
    }
  }
}

/** Files that appear in a folder together when all are complete, and not at all if something fails before. */
export class StagedFiles {
  readonly #names: string[] = [];

  private constructor(private readonly staging: string) {}

  /**
   * Runs `write` and puts the files in place; on failure removes what was written.
   *
   * @param folder made if it is not there
   * @returns paths of the files, in the order of their writing
   */
  static async write(folder: string, write: (files: StagedFiles) => Promise<unknown>): Promise<readonly string[]> {
    await mkdir(folder, { recursive: true });
    // Beside the target, because renaming is only atomic within one file system.
    const files = new StagedFiles(await mkdtemp(join(folder, '.swinface-')));
    try {
      await write(files);
      for (const name of files.#names) await rename(join(files.staging, name), join(folder, name));
      return files.#names.map((name) => join(folder, name));
    } finally {
      await rm(files.staging, { recursive: true, force: true });
    }
  }

  /** Writes one file and waits until it is on the disk. */
  async add(name: string, fill: (file: StagedFile) => Promise<void>): Promise<void> {
    const handle = await open(join(this.staging, name), 'wx');
    try {
      const file = new StagedFile(handle);
      await fill(file);
      await file.flush();
      await handle.sync();
    } finally {
      await handle.close();
    }
    this.#names.push(name);
  }
}
