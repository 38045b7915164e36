import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { tellSoak } from '../../../../../scripts/lib/soak.mjs';
import { append, removeStaged, StagedFile, StagedFiles, writeWhole } from '../../../src/files/durable.js';
import { fillAfter, withSmallDisk } from '../support/full-disk.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

describe('StagedFile', () => {
  test('goes on where the disk took a part of a write', async () => {
    const taken: number[] = [];
    const handle = {
      write: async (bytes: Uint8Array, offset: number, length: number) => {
        const bytesWritten = Math.min(7, length);
        taken.push(...bytes.subarray(offset, offset + bytesWritten));
        return { bytesWritten };
      },
    };
    const file = new StagedFile(handle as unknown as ConstructorParameters<typeof StagedFile>[0], 'a');
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
    await file.write(bytes.subarray(0, 30));
    await file.write(bytes.subarray(30));
    await file.flush();
    expect(taken).toEqual([...bytes]);
  });

  test('a disk that takes nothing and says nothing is a failure, not an endless loop', async () => {
    const handle = { write: async () => ({ bytesWritten: 0 }) };
    const file = new StagedFile(handle as unknown as ConstructorParameters<typeof StagedFile>[0], 'a.bin');
    await file.write(new Uint8Array(3));
    await expect(file.flush()).rejects.toThrow(/a\.bin could not be written/);
  });
});

describe('writeWhole', () => {
  test.each([0, 1, 50_000, 99_999])('on a disk with room for %i of 100,000 bytes the old file stays', async (room) => {
    const path = join(folder, 'a.bin');
    await writeWhole(path, 'the old one');
    await fillAfter(room, join(folder, 'scratch'));
    const failure = writeWhole(path, new Uint8Array(100_000));
    await expect(failure).rejects.toThrow(/a\.bin could not be written.*disk is full \(ENOSPC\).*unchanged/);
    await expect(failure).rejects.toBeInstanceOf(InvalidInputError);
    expect(await readFile(path, 'utf8')).toBe('the old one');
    expect((await readdir(folder)).sort()).toEqual(['a.bin', 'scratch']);
  });

  test('so it does on a real disk that fills, which is one of its own where the system allows', async () => {
    const check = async (disk: string, fill: () => Promise<void>) => {
      const path = join(disk, 'a.bin');
      await writeWhole(path, Buffer.alloc(40_000, 1));
      await fill();
      await expect(writeWhole(path, Buffer.alloc(40_000, 2))).rejects.toThrow(/disk is full \(ENOSPC\)/);
      expect((await readFile(path)).equals(Buffer.alloc(40_000, 1))).toBe(true);
      expect(await readdir(disk)).toContain('a.bin');
    };
    const own = await withSmallDisk(folder, 64, (disk) => check(disk, async () => {}));
    if (!own) await check(folder, () => fillAfter(20_000, join(folder, 'scratch')));
    await tellSoak({ what: "trainer's disk full", times: 1, outcome: 'the file that was to be replaced stayed whole' });
  });

  test('refuses with a reason where it may not write', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(writeWhole(join(folder, 'file', 'a'), 'x')).rejects.toThrow(/could not be written/);
    await expect(append(join(folder, 'none', 'a'), 'x')).rejects.toThrow(InvalidInputError);
  });
});

describe('StagedFiles', () => {
  test('puts nothing in place when the second of two files fails', async () => {
    await writeWhole(join(folder, 'a'), 'old');
    const writing = StagedFiles.write(folder, async (files) => {
      await files.add('a', 'new');
      await files.add('b', async (file) => {
        await file.write(new Uint8Array(5));
        throw new RangeError('the second file');
      });
    });
    await expect(writing).rejects.toThrow('the second file');
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a']);
  });

  test('what a killed process left half-written can be removed', async () => {
    let left: string[] = [];
    await StagedFiles.write(folder, async (files) => {
      await files.add('a', 'x');
      left = await readdir(folder);
    });
    await writeFile(join(folder, 'b'), '');
    for (const name of left) await StagedFiles.write(join(folder, name), (files) => files.add('a', 'x'));
    await removeStaged(folder);
    expect((await readdir(folder)).sort()).toEqual(['a', 'b']);
  });
});
