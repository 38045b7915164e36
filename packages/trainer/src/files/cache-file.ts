import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StagedFiles } from './durable.js';
import { FolderLock } from './lock.js';

const CHUNK = 2 ** 20;

/** Takes the bytes of a file from front to back. */
export interface ByteSink {
  /** Appends bytes, which must not change afterwards. */
  write(bytes: Uint8Array): Promise<void>;
}

/** What is kept in a cache file and how it is made. */
export interface CacheOptions<T> {
  readonly folder: string;
  readonly name: string;
  /** Digest of everything that the content depends on. */
  readonly inputs: string;
  /** Of what the record says about the content. */
  readonly details: v.GenericSchema<unknown, T>;
  /** Writes the content; gives what the record is to say about it. */
  readonly make: (file: ByteSink) => Promise<T>;
}

/** A cache file that holds what its record says. */
export interface CacheFile<T> {
  readonly handle: FileHandle;
  readonly bytes: number;
  readonly details: T;
}

/**
 * Opens a file that is computed once and kept. Beside it lies a record with a digest of what it was made from and one of
 * its content: a file of other inputs, one that was cut short or changed, and one without a record are made again.
 *
 * @throws {InvalidInputError} if another process is filling the folder, or the disk is full
 */
export async function openCacheFile<T>(options: CacheOptions<T>): Promise<CacheFile<T>> {
  const found = await openIfSound(options);
  if (found) return found;
  return FolderLock.hold(options.folder, async () => {
    // Another process may have made it while this one looked.
    const now = await openIfSound(options);
    if (now) return now;
    await fill(options);
    const made = await openIfSound(options);
    if (!made) throw new Error(`${join(options.folder, options.name)} changed right after it was written`);
    return made;
  });
}

const recordSchema = <T>(details: v.GenericSchema<unknown, T>) =>
  v.object({ inputs: v.string(), bytes: v.pipe(v.number(), v.safeInteger()), sha256: v.string(), details });

async function openIfSound<T>({ folder, name, inputs, details }: CacheOptions<T>): Promise<CacheFile<T> | undefined> {
  const path = join(folder, name);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(`${path}.json`, 'utf8'));
  } catch {
    return undefined;
  }
  const record = v.safeParse(recordSchema(details), json);
  if (!record.success || record.output.inputs !== inputs) return undefined;
  const handle = await open(path, constants.O_RDONLY).catch(() => undefined);
  if (!handle) return undefined;
  const { bytes, sha256 } = record.output;
  if ((await handle.stat()).size === bytes && (await digestOf(handle)) === sha256) {
    return { handle, bytes, details: record.output.details };
  }
  await handle.close();
  return undefined;
}

async function digestOf(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(CHUNK);
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(chunk, 0, CHUNK, at);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
}

async function fill<T>({ folder, name, inputs, make }: CacheOptions<T>): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  await StagedFiles.write(folder, async (files) => {
    let details: T | undefined;
    await files.add(name, async (file) => {
      details = await make({
        write: async (part) => {
          hash.update(part);
          bytes += part.length;
          await file.write(part);
        },
      });
    });
    // Last, so that a record never names a file that is not there.
    await files.add(`${name}.json`, JSON.stringify({ inputs, bytes, sha256: hash.digest('hex'), details }));
  });
}
