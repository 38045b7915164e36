import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { InvalidInputError } from '@swinface/core';
import { describe, expect, test } from 'vitest';
import { TarArchive } from '../../src/data/tar.js';
import { MemorySource } from '../../src/files/byte-source.js';
import { paxRecord, type TarEntry, tarOf } from './support/tar.js';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/tars/${name}.tar`, import.meta.url));
const open = (bytes: Buffer) => TarArchive.from(new MemorySource(bytes), 'a.tar');
const read = async (archive: TarArchive, name: string) => Buffer.from(await archive.read(name)).toString();

// As in fixtures/tars/make.py.
const NAMES = [
  'plain.png',
  'Zoë_Saldaña/Zoë_0001.jpg',
  '李小龙/李小龙_0001.jpg',
  `long/${'a'.repeat(120)}/${'b'.repeat(120)}.webp`,
  `Владимир/${'ы'.repeat(80)}.png`,
];

describe.each(['pax', 'gnu'])('an archive that Python wrote, format %s', (format) => {
  test('has every member under its whole name', async () => {
    const archive = await TarArchive.open(fixture(format));
    expect(archive.names).toEqual(NAMES);
    for (const name of NAMES) expect(await read(archive, name)).toBe(`content of ${name}`);
    await archive.close();
  });

  test('cut short anywhere in its last member it is refused', async () => {
    const bytes = await readFile(fixture(format));
    const end = bytes.lastIndexOf('content of') + 20;
    await expect(open(bytes.subarray(0, end))).rejects.toThrow(/a\.tar is not a readable tar archive.*cut off/);
  });
});

describe('an archive', () => {
  const file = (name: string, text = 'x'): TarEntry => ({ name, bytes: Buffer.from(text) });
  const before = (type: string, ...records: Buffer[]): TarEntry => ({ name: 'x', bytes: Buffer.concat(records), type });

  test('fields before a member are for that one alone, global ones for all that follow', async () => {
    const archive = await open(
      tarOf(
        before('g', paxRecord('comment', 'nothing')),
        before('x', paxRecord('path', 'first')),
        file('a', 'one'),
        file('b', 'two'),
        { name: 'folder/', bytes: Buffer.alloc(0), type: '5' },
        before('L', Buffer.from('third\0')),
        file('c', 'three'),
      ),
    );
    expect(archive.names).toEqual(['first', 'b', 'third']);
    expect(await read(archive, 'third')).toBe('three');
  });

  test('a size in the fields counts more than the one in the header', async () => {
    const archive = await open(
      tarOf(before('x', paxRecord('size', '3')), { ...file('a', 'abc'), size: 0 }, file('b', 'two')),
    );
    expect(await read(archive, 'a')).toBe('abc');
    expect(await read(archive, 'b')).toBe('two');
  });

  test('names are found composed or decomposed, with or without "./"', async () => {
    const archive = await open(tarOf(file(`./${'Zoë'.normalize('NFD')}.png`)));
    expect(await read(archive, 'Zoë.png')).toBe('x');
    expect(await read(archive, `./${'Zoë'.normalize('NFD')}.png`)).toBe('x');
    await expect(archive.read('Zoe.png')).rejects.toThrow(/a\.tar has no member Zoe\.png/);
  });

  test.each([
    ['a record that is longer than its block', before('x', Buffer.from('99 path=a\n'))],
    ['a record of length zero', before('x', Buffer.from('0 path=a\n'))],
    ['a record without a length', before('x', Buffer.from('path=a\n'))],
    ['a size that is no number', before('x', paxRecord('size', '1e9'))],
    ['a size beyond the file', before('x', paxRecord('size', '999999999999'))],
    ['a name of two megabytes', before('L', Buffer.alloc(2 ** 21, 97))],
  ])('with %s is refused', async (_, entry) => {
    await expect(open(tarOf(entry, file('a')))).rejects.toThrow(/a\.tar is not a readable tar archive/);
    await expect(open(tarOf(entry, file('a')))).rejects.toBeInstanceOf(InvalidInputError);
  });

  test('that is not there is named', async () => {
    await expect(TarArchive.open('/nowhere/a.tar')).rejects.toThrow(/nowhere\/a\.tar cannot be read/);
  });
});
