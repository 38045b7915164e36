import { appendFile, type FileHandle, mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InvalidInputError } from '@swinface/core';

/** Small writes are gathered up to this many bytes. */
const BUFFER_BYTES = 2 ** 18;
/** Start of the names of the folders in which files wait until all are whole. */
const STAGING = '.swinface-';

/** What is written to a file: all of it at once, or piece by piece. */
export type Content = string | Uint8Array | ((file: StagedFile) => Promise<unknown>);

/** The system's error codes in words. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: "the user's share of the disk is full",
  EFBIG: 'the file is larger than the system allows',
  EROFS: 'the disk is read-only',
  EACCES: 'there is no permission to write there',
  EPERM: 'there is no permission to write there',
  ENOTDIR: 'a part of the path is a file',
  EISDIR: 'it is a folder',
  EIO: 'the disk failed',
};

const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause
    ? String(cause.code)
    : cause instanceof Error
      ? cause.message
      : String(cause);

/** The error for a file that could not be written; `kept` says that what was there before still is. */
function unwritable(path: string, cause: unknown, kept: boolean): InvalidInputError {
  const code = codeOf(cause);
  return new InvalidInputError(`${path} could not be written.`, {
    expected: 'room on the disk and permission to write',
    actual: code in REASONS ? `${REASONS[code]} (${code})` : code,
    ...(kept
      ? { hint: 'What was there before is unchanged. Make room or choose another folder, then run it again.' }
      : {}),
    cause,
  });
}

/** A file being written from front to back. */
export class StagedFile {
  #waiting: Uint8Array[] = [];
  #size = 0;

  /** @param path of the file to be, for messages */
  constructor(
    private readonly handle: Pick<FileHandle, 'write'>,
    private readonly path: string,
  ) {}

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

  /** A disk that is nearly full takes a part of a write without an error, so what it took is counted. */
  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done).catch((cause: unknown) => {
        throw unwritable(this.path, cause, true);
      });
      if (bytesWritten === 0) throw unwritable(this.path, new Error('the disk takes no more bytes'), true);
      done += bytesWritten;
    }
  }
}

/**
 * Files that appear in a folder when all are complete, and not at all if something fails before: each is written under
 * another name, flushed to the disk and renamed. A file that was there before stays until then.
 */
export class StagedFiles {
  readonly #names: string[] = [];

  private constructor(
    private readonly folder: string,
    private readonly staging: string,
  ) {}

  /**
   * Runs `write` and puts the files in place, in the order in which they were added; on failure removes what was written.
   *
   * @param folder made if it is not there
   * @returns paths of the files, in the order of their writing
   * @throws {InvalidInputError} if the disk is full or refuses
   */
  static async write(folder: string, write: (files: StagedFiles) => Promise<unknown>): Promise<readonly string[]> {
    // Beside the target, because renaming is only atomic within one file system.
    const staging = await mkdir(folder, { recursive: true })
      .then(() => mkdtemp(join(folder, STAGING)))
      .catch((cause: unknown) => {
        throw unwritable(folder, cause, true);
      });
    const files = new StagedFiles(folder, staging);
    try {
      await write(files);
      for (const name of files.#names) await files.#place(name);
      await syncFolder(folder);
      return files.#names.map((name) => join(folder, name));
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  /** Writes one file and waits until it is on the disk. */
  async add(name: string, content: Content): Promise<void> {
    const path = join(this.folder, name);
    const refuse = (cause: unknown) => {
      throw unwritable(path, cause, true);
    };
    const handle = await open(join(this.staging, name), 'wx').catch(refuse);
    try {
      const file = new StagedFile(handle, path);
      if (typeof content === 'function') await content(file);
      else await file.write(typeof content === 'string' ? new TextEncoder().encode(content) : content);
      await file.flush();
      await handle.sync().catch(refuse);
    } finally {
      await handle.close();
    }
    this.#names.push(name);
  }

  async #place(name: string): Promise<void> {
    const path = join(this.folder, name);
    await rename(join(this.staging, name), path).catch((cause: unknown) => {
      throw unwritable(path, cause, true);
    });
  }
}

/**
 * Writes one file whole or not at all; the one that was there before stays if it fails.
 *
 * @throws {InvalidInputError} if the disk is full or refuses
 */
export async function writeWhole(path: string, content: Content): Promise<void> {
  await StagedFiles.write(dirname(resolve(path)), (files) => files.add(basename(path), content));
}

/**
 * Appends to a log, whose last line may be lost with the machine's power.
 *
 * @throws {InvalidInputError} if the disk is full or refuses
 */
export async function append(path: string, content: string | Uint8Array): Promise<void> {
  await appendFile(path, content).catch((cause: unknown) => {
    throw unwritable(path, cause, false);
  });
}

/** Removes what killed processes left half-written. Only for a folder that no other process writes to at the time. */
export async function removeStaged(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(STAGING)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Makes renamed files survive a loss of power. Windows cannot flush folders, and needs not. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (cause) {
    // Some network disks do not know how to; the files themselves are flushed already.
    if (codeOf(cause) !== 'EINVAL') throw unwritable(folder, cause, false);
  } finally {
    await handle.close();
  }
}
