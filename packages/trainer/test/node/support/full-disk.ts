import { execFile } from 'node:child_process';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';

type Write = (bytes: Uint8Array, offset: number, length: number) => Promise<{ bytesWritten: number }>;

/**
 * Lets files take `room` bytes more, all of them together, and then fail as on a full disk: a write that does not fit is
 * cut short without an error, the next one fails.
 *
 * @param scratch a file that may be made
 */
export async function fillAfter(room: number, scratch: string): Promise<void> {
  const handle = await open(scratch, 'w');
  const prototype = Object.getPrototypeOf(handle) as { write: Write };
  await handle.close();
  const write = prototype.write;
  vi.spyOn(prototype, 'write').mockImplementation(async function (this: FileHandle, bytes, offset, length) {
    const fits = Math.min(length, room);
    if (fits <= 0 && length > 0)
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    room -= fits;
    return write.call(this, bytes, offset, fits);
  });
}

/** Runs `use` with a disk of its own of `kilobytes`, where the system allows that; says whether it did. */
export async function withSmallDisk(
  folder: string,
  kilobytes: number,
  use: (disk: string) => Promise<void>,
): Promise<boolean> {
  const disk = join(folder, 'disk');
  await mkdir(disk);
  const run = promisify(execFile);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', disk]);
  } catch {
    return false;
  }
  try {
    await use(disk);
    return true;
  } finally {
    await run('umount', [disk]);
  }
}
