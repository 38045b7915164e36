import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import * as v from 'valibot';
import { removeStaged } from './durable.js';

const NAME = '.swinface.lock';
/** A lock is written within moments of its creation; one that is still empty after this time was left by a crash. */
const WRITING_MS = 5000;

const ownerSchema = v.object({
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  host: v.string(),
  /** When the process started, so that another one with the same number is not taken for it. */
  started: v.nullable(v.string()),
  /** Distinguishes this lock from others of the same process. */
  id: v.string(),
});
type Owner = v.InferOutput<typeof ownerSchema>;

/** A folder that one process at a time writes to. */
export class FolderLock {
  private constructor(
    private readonly path: string,
    private readonly id: string,
  ) {}

  /**
   * Takes a folder, which is made if it is not there. The lock of a process that has ended is taken over, and what that
   * process left half-written is removed.
   *
   * @throws {InvalidInputError} naming the process that has the folder
   */
  static async acquire(folder: string): Promise<FolderLock> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, NAME);
    const id = randomUUID();
    if (!(await create(path, id))) await takeOver(folder, path, id);
    await removeStaged(folder);
    return new FolderLock(path, id);
  }

  /** Runs `use` while the folder is this process's alone. */
  static async hold<T>(folder: string, use: () => Promise<T>): Promise<T> {
    const lock = await FolderLock.acquire(folder);
    try {
      return await use();
    } finally {
      await lock.release();
    }
  }

  /** Gives the folder back, unless another process has taken it over meanwhile. */
  async release(): Promise<void> {
    if ((await readOwner(this.path))?.id === this.id) await rm(this.path, { force: true });
  }
}

/** Writes the lock if there is none. */
async function create(path: string, id: string): Promise<boolean> {
  const owner: Owner = { pid: process.pid, host: hostname(), started: await startOf(process.pid), id };
  try {
    const handle = await open(path, 'wx');
    try {
      await handle.writeFile(JSON.stringify(owner));
    } finally {
      await handle.close();
    }
    return true;
  } catch (cause) {
    if (isCode(cause, 'EEXIST')) return false;
    throw new InvalidInputError(`${path} could not be written.`, {
      expected: 'a folder that can be written to',
      cause,
    });
  }
}

/** Replaces a lock whose process has ended. A second file decides which of several takers may do so. */
async function takeOver(folder: string, path: string, id: string): Promise<void> {
  const owner = await readOwner(path);
  if (await isHeld(path, owner)) throw taken(folder, path, owner);
  const guard = `${path}.taking`;
  if (!(await create(guard, id))) {
    if (await isYoung(guard)) throw taken(folder, path, await readOwner(guard));
    await rm(guard, { force: true });
    if (!(await create(guard, id))) throw taken(folder, path, await readOwner(guard));
  }
  try {
    const now = await readOwner(path);
    if (await isHeld(path, now)) throw taken(folder, path, now);
    await rm(path, { force: true });
    if (!(await create(path, id))) throw taken(folder, path, await readOwner(path));
  } finally {
    await rm(guard, { force: true });
  }
}

/** Whether the process that wrote a lock still runs, as far as can be known. */
async function isHeld(path: string, owner: Owner | undefined): Promise<boolean> {
  if (!owner) return isYoung(path);
  // Processes of other machines cannot be looked at.
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // Any other failure means that the process is there and belongs to somebody else.
    if (isCode(error, 'ESRCH')) return false;
  }
  const started = await startOf(owner.pid);
  return owner.started === null || started === null || owner.started === started;
}

const isYoung = async (path: string): Promise<boolean> => {
  const file = await stat(path).catch(() => undefined);
  return file !== undefined && Date.now() - file.mtimeMs < WRITING_MS;
};

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const result = v.safeParse(ownerSchema, JSON.parse(await readFile(path, 'utf8')));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** When a process started, as Linux counts it, or that it has ended but is still listed; null where neither is known. */
async function startOf(pid: number): Promise<string | null> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field, a name in brackets, may hold blanks; the state comes next, the start is the twentieth.
  const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ') ?? [];
  return fields[0] === 'Z' ? 'ended' : (fields[19] ?? null);
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

function taken(folder: string, path: string, owner: Owner | undefined): InvalidInputError {
  const elsewhere = owner !== undefined && owner.host !== hostname();
  return new InvalidInputError(`${folder} is in use by another trainer.`, {
    expected: 'a folder that no other process writes to',
    actual: owner ? `process ${owner.pid}${elsewhere ? ` on ${owner.host}` : ''}` : 'a process that is just starting',
    hint: elsewhere
      ? `Wait until it has ended, or choose another folder. If that machine runs it no more, delete ${path}.`
      : 'Wait until it has ended, or choose another folder.',
  });
}
