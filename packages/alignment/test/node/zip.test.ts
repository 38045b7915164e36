import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { crc32, deflateRawSync } from 'node:zlib';
import { WeightsInvalidError } from '@swinface/core';
import { describe, expect, it } from 'vitest';
import { readZipEntry } from '../../src/mediapipe/zip.js';
import { landmarkModelPath } from '../support/landmark-model.js';

interface Packed {
  readonly name: string;
  readonly content: Buffer;
  readonly method: 0 | 8 | 99;
}

/** A zip archive as the format describes it, independent of the reader. */
function zip(files: readonly Packed[], comment = ''): Uint8Array {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const { name, content, method } of files) {
    const data = method === 8 ? deflateRawSync(content) : content;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(typeof crc32 === 'function' ? crc32(content) : 0, 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const extra = Buffer.from([1, 2, 3, 4, 5]);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), data]);
    const central = Buffer.alloc(46);
    central.write('PK\x01\x02', 0, 'latin1');
    central.writeUInt16LE(20, 4);
    common.copy(central, 6);
    central.writeUInt16LE(extra.length, 30);
    central.writeUInt32LE(offset, 42);
    centrals.push(Buffer.concat([central, Buffer.from(name), extra]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return new Uint8Array(Buffer.concat([...locals, directory, end, Buffer.from(comment)]));
}

const text = Buffer.from('eyes, nose, mouth. '.repeat(200));
const archive = zip([
  { name: 'first.bin', content: Buffer.from([1, 2, 3]), method: 0 },
  { name: 'packed.txt', content: text, method: 8 },
  { name: 'empty', content: Buffer.alloc(0), method: 0 },
]);

describe('readZipEntry', () => {
  it('reads stored, deflated and empty files', async () => {
    expect([...(await readZipEntry(archive, 'first.bin'))]).toEqual([1, 2, 3]);
    expect(Buffer.from(await readZipEntry(archive, 'packed.txt')).equals(text)).toBe(true);
    expect(await readZipEntry(archive, 'empty')).toHaveLength(0);
  });

  it('reads an archive with a comment, and one that is a view into a larger buffer', async () => {
    const commented = zip([{ name: 'a', content: Buffer.from('x'), method: 0 }], 'PK made up');
    expect([...(await readZipEntry(commented, 'a'))]).toEqual([120]);
    const larger = new Uint8Array(archive.length + 20);
    larger.set(archive, 13);
    expect([...(await readZipEntry(larger.subarray(13, 13 + archive.length), 'first.bin'))]).toEqual([1, 2, 3]);
  });

  it('finds the detector in the landmark bundle', async () => {
    const detector = await readZipEntry(new Uint8Array(await readFile(landmarkModelPath())), 'face_detector.tflite');
    expect(detector).toHaveLength(229_746);
    expect(Buffer.from(detector.subarray(4, 8)).toString()).toBe('TFL3');
    expect(createHash('sha256').update(detector).digest('hex')).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['a page', new Uint8Array(Buffer.from('<!doctype html><title>Not found</title>'))],
    ['an archive cut in half', archive.subarray(0, archive.length / 2)],
    ['an archive without its beginning', archive.subarray(40)],
    ['an unknown packing', zip([{ name: 'first.bin', content: text, method: 99 }])],
  ])('refuses %s', async (_, bytes) => {
    await expect(readZipEntry(bytes, 'first.bin')).rejects.toThrow(WeightsInvalidError);
  });

  it('refuses a file that does not unpack to its size', async () => {
    const broken = Uint8Array.from(archive);
    const at = Buffer.from(broken.buffer).indexOf('packed.txt') + 'packed.txt'.length;
    broken.fill(0xff, at, at + 8);
    await expect(readZipEntry(broken, 'packed.txt')).rejects.toThrow(WeightsInvalidError);
  });

  it('says which file is missing', async () => {
    await expect(readZipEntry(archive, 'second.bin')).rejects.toThrow(/second\.bin/);
  });
});
