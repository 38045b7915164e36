import { WeightsInvalidError } from '@swinface/core';
import { describe, expect, test } from 'vitest';
import { fromPytorch } from '../../../src/convert/open.js';
import { openPytorch } from '../../../src/convert/pytorch.js';
import { ZipArchive } from '../../../src/convert/zip.js';
import { type ByteSource, MemorySource } from '../../../src/files/byte-source.js';
import { bytes, type Part, pickle, text, u16, u32, zip } from '../support/pickles.js';

const open = (archive: Uint8Array) => ZipArchive.open(new MemorySource(archive));
const a = { name: 'a', data: bytes('alpha') };
const b = { name: 'b', data: bytes('beta') };

/** The same archive in the form that torch.save gives it, positions in zip64 records. */
function zip64(archive: Buffer, change: { readonly offset?: bigint; readonly record?: bigint } = {}): Buffer {
  const end = archive.length - 22;
  const count = archive.readUInt16LE(end + 10);
  const u64 = (value: bigint) => {
    const field = Buffer.alloc(8);
    field.writeBigUInt64LE(value);
    return field;
  };
  return bytes(
    archive.subarray(0, end),
    bytes(u32(0x06064b50), u64(44n), u16(45), u16(45), u32(0), u32(0), u64(BigInt(count)), u64(BigInt(count))),
    bytes(u64(BigInt(archive.readUInt32LE(end + 12))), u64(change.offset ?? BigInt(archive.readUInt32LE(end + 16)))),
    bytes(u32(0x07064b50), u32(0), u64(change.record ?? BigInt(end)), u32(1)),
    bytes(u32(0x06054b50), u32(0), u16(0xffff), u16(0xffff), u32(0xffffffff), u32(0xffffffff), u16(0)),
  );
}

test('entries are read whole and in part', async () => {
  const archive = await open(zip([a, b]));
  expect(archive.names).toEqual(['a', 'b']);
  expect(archive.sizeOf('a')).toBe(5);
  expect(Buffer.from(await archive.read('b')).toString()).toBe('beta');
  expect(Buffer.from(await archive.read('a', 1, 3)).toString()).toBe('lp');
  expect(await archive.read('a', 5, 5)).toHaveLength(0);
  await expect(archive.read('a', 1, 6)).rejects.toThrow(/no bytes 1 to 6/);
  await expect(archive.read('c')).rejects.toThrow(/lacks the entry "c"/);
});

test('zip64 records and fields are followed', async () => {
  expect((await open(zip64(zip([a, b])))).names).toEqual(['a', 'b']);
  const field = (...values: readonly number[]) =>
    bytes(u16(1), u16(8 * values.length), ...values.flatMap((v) => [u32(v), u32(0)]));
  const other = bytes(u16(0x5455), u16(1), 0);
  const archive = await open(zip([a, { ...b, offset: 0xffffffff, extra: bytes(other, field(36)) }]));
  expect(Buffer.from(await archive.read('b')).toString()).toBe('beta');
});

test('an archive of many gigabytes is read at its positions', async () => {
  // A hole of 5 GiB before the only entry: only a source by range can have one.
  const hole = 5 * 2 ** 30;
  const low = zip([a]);
  const directory = low.length - 22 - low.readUInt32LE(low.length - 22 + 12);
  const extra = bytes(u16(1), u16(8), u32(hole % 2 ** 32), u32(1));
  const file = zip64(zip([{ ...a, offset: 0xffffffff, extra }]), {
    offset: BigInt(hole + directory),
    record: BigInt(hole + directory + low.readUInt32LE(low.length - 22 + 12) + extra.length),
  });
  const source: ByteSource = {
    size: hole + file.length,
    read: async (offset, length) => {
      const zeros = Math.min(length, Math.max(0, hole - offset));
      const rest = await new MemorySource(file).read(Math.max(0, offset - hole), length - zeros);
      return Uint8Array.from([...new Uint8Array(zeros), ...rest]);
    },
  };
  const archive = await ZipArchive.open(source);
  expect(Buffer.from(await archive.read('a')).toString()).toBe('alpha');
});

describe('refuses', () => {
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['nothing', Buffer.alloc(0), /no zip archive|not a zip archive/],
    ['a cut archive', zip([a, b]).subarray(0, -1), /not a zip archive/],
    ['bytes after the end', bytes(zip([a, b]), 'x'), /not a zip archive/],
    ['two entries of one name', zip([a, { ...a, data: bytes('other') }]), /two entries "a"/],
    ['entries on top of each other', zip([a, { ...b, offset: 0 }]), /overlaps/],
    [
      'entries one inside the other',
      zip([
        { ...a, data: bytes('x'.repeat(100)) },
        { ...b, offset: 40 },
      ]),
      /overlaps/,
    ],
    ['an entry in the directory', zip([a, { ...b, offset: 80 }]), /overlaps/],
    ['an entry larger than the file', zip([{ ...a, size: 0x7fffffff }]), /overlaps/],
    ['more entries than there are', zip([a, b], 3), /fewer entries than it says/],
    ['fewer entries than there are', zip([a, b], 1), /belong to no entry/],
    ['sizes that need a field it lacks', zip([{ ...a, size: 0xffffffff }]), /zip64 field is missing/],
    ['sizes that need a longer field', zip([{ ...a, size: 0xffffffff, extra: bytes(u16(1), u16(0)) }]), /too short/],
    ['a name that is no UTF-8', zip([{ ...a, name: '\uFFFD' }]).map((byte) => (byte === 0xef ? 0xff : byte)), /UTF-8/],
    ['a zip64 record beyond the file', zip64(zip([a]), { record: 2n ** 40n }), /zip64 end record/],
    ['a zip64 record elsewhere', zip64(zip([a]), { record: 0n }), /zip64 end record is missing/],
    ['a directory beyond the file', zip64(zip([a]), { offset: 2n ** 40n }), /does not end before/],
    ['a position no number can hold', zip64(zip([a]), { offset: 2n ** 60n }), /names the position/],
  ];
  test.each(cases)('%s', async (_, archive, message) => {
    await expect(open(archive)).rejects.toThrow(WeightsInvalidError);
    await expect(open(archive)).rejects.toThrow(message);
  });

  test.each([
    ['another name in its own header', { ...a, localName: 'b' }, /another name/],
    ['a compressed entry', { ...a, method: 8 }, /is compressed/],
    ['an encrypted entry', { ...a, flags: 1 }, /is encrypted/],
    ['a wrong checksum', { ...a, crc: 1 }, /checksum \(CRC-32\) is wrong/],
  ])('%s, when it is read', async (_, entry, message) => {
    const archive = await open(zip([entry]));
    await expect(archive.read('a')).rejects.toThrow(message);
    await expect(archive.read('a', 1, 2)).rejects.toThrow(message);
  });
});

describe('a checkpoint', () => {
  const floats = (name: string) =>
    bytes(
      text(name),
      'ctorch._utils\n_rebuild_tensor_v2\n((',
      bytes(text('storage'), 'ctorch\nFloatStorage\n', text('0'), text('cpu'), 'K', 1, 'tQK', 0, '(K', 1, 't(K', 1),
      bytes('t', 0x89, 'NtR'),
    );
  const tensorsOf = async (...parts: readonly Part[]) => {
    const { tensors, ignored } = fromPytorch(
      await openPytorch(new MemorySource(zip([{ name: 'x/data.pkl', data: pickle(...parts) }]))),
    );
    return { tensors: [...tensors.keys()], ignored: ignored.map(({ what }) => what) };
  };

  test('may be one state_dict, with what DistributedDataParallel puts in front of names', async () => {
    const dict = bytes('}(', floats('module.backbone.a'), floats('fam.b'), text('epoch'), 'K', 3, 'u');
    expect(await tensorsOf(dict)).toEqual({ tensors: ['backbone.a', 'fam.b'], ignored: ['epoch'] });
    await expect(tensorsOf('}(', floats('module.a'), floats('a'), 'u')).rejects.toThrow(/the tensor a twice/);
  });

  test("laid out as the authors', has no weights beside the four parts", async () => {
    const parts = bytes(text('state_dict_om'), '}(', floats('module.output_fcs.0.bias'), 'u');
    expect(await tensorsOf('}(', floats('rng_state'), parts, 'u')).toEqual({
      tensors: ['om.output_fcs.0.bias'],
      ignored: ['rng_state'],
    });
    await expect(tensorsOf('}', text('state_dict_om'), ']s')).rejects.toThrow(
      /state_dict_om is no state_dict but a list/,
    );
    await expect(tensorsOf('}', text('state_dict_om'), '}', text('x'), 'Nss')).rejects.toThrow(/holds None as "x"/);
    await expect(tensorsOf(']')).rejects.toThrow(/a list of 0 entries/);
  });

  const checkpoint = (...more: Parameters<typeof zip>[0]) =>
    openPytorch(new MemorySource(zip([{ name: 'x/data.pkl', data: pickle('}') }, ...more])));

  test('is distinguished from other archives', async () => {
    await expect(openPytorch(new MemorySource(zip([a])))).rejects.toThrow(/no PyTorch checkpoint/);
    await expect(checkpoint({ name: 'y/data.pkl', data: pickle('}') })).rejects.toThrow(/2 of them/);
    await expect(checkpoint({ name: 'x/constants.pkl', data: pickle(')') })).rejects.toThrow(/TorchScript/);
    await expect(checkpoint({ name: 'x/byteorder', data: bytes('big') })).rejects.toThrow(/byte order/);
    await expect(checkpoint({ name: 'x/byteorder', data: bytes('little') })).resolves.toMatchObject({
      value: new Map(),
    });
  });

  const tensor = (elements: number, size: number, stride: number) =>
    pickle(
      'ctorch._utils\n_rebuild_tensor_v2\n((',
      bytes(text('storage'), 'ctorch\nFloatStorage\n', text('0'), text('cpu'), 'J', u32(elements), 'tQK', 0),
      bytes('(J', u32(size), 't(J', u32(stride), 't', 0x89, 'NtR'),
    );
  const lazy = async (data: Uint8Array, stored: Uint8Array) => {
    const entries = [
      { name: 'x/data.pkl', data },
      { name: 'x/data/0', data: stored },
    ];
    const opened = await openPytorch(new MemorySource(zip(entries)));
    return opened.lazy('t', opened.value as Parameters<typeof opened.lazy>[1]).read();
  };

  test('gives the elements that strides name', async () => {
    const stored = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5).buffer);
    expect(await lazy(tensor(5, 3, 2), stored)).toEqual(Float32Array.of(1, 3, 5));
    expect(await lazy(tensor(5, 4, 0), stored)).toEqual(Float32Array.of(1, 1, 1, 1));
  });

  test('may not promise more than its storage holds, nor grow out of little', async () => {
    const stored = new Uint8Array(20);
    await expect(lazy(tensor(6, 3, 2), stored)).rejects.toThrow(/storage of t has the wrong size/);
    // Four bytes repeated a billion times, by a stride of zero.
    await expect(lazy(tensor(5, 10 ** 9, 0), stored)).rejects.toThrow(/t is too large/);
  });
});
