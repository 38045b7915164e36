import { WeightsInvalidError } from '@swinface/core';
import { describe, expect, test } from 'vitest';
import { type PickleHost, PickleTuple, unpickle } from '../../../src/convert/pickle.js';
import { PickledTensor, unpickleCheckpoint } from '../../../src/convert/pytorch.js';
import { bytes, type Part, pickle, text, u32 } from '../support/pickles.js';

const host: PickleHost = { globals: new Map(), persistent: (id) => id };
const read = (...parts: readonly Part[]) => unpickle(pickle(...parts), host);

describe('plain values', () => {
  test.each([
    ['None', 'N', null],
    ['True', 0x88, true],
    ['False', 0x89, false],
    ['BININT1', bytes('K', 255), 255],
    ['BININT2', bytes('M', 1, 2), 513],
    ['BININT', bytes('J', [254, 255, 255, 255]), -2],
    ['LONG1', bytes(0x8a, 2, [0, 0x80]), -32768],
    ['LONG1 of nothing', bytes(0x8a, 0), 0],
    ['LONG1 beyond doubles', bytes(0x8a, 8, [0, 0, 0, 0, 0, 0, 0, 0x40]), 2n ** 62n],
    ['BINFLOAT', bytes('G', [0x3f, 0xf8, 0, 0, 0, 0, 0, 0]), 1.5],
    ['BINUNICODE', text('é'), 'é'],
    ['SHORT_BINUNICODE', bytes(0x8c, 2, 'ab'), 'ab'],
  ] as const)('%s', (_, part, value) => {
    expect(read(part)).toEqual(value);
  });

  test('containers', () => {
    expect(read('](K', 1, 'K', 2, 'eNa')).toEqual([1, 2, null]);
    expect(read('}(', text('a'), 'K', 1, 'K', 7, 'N', 'u', text('b'), ']s')).toEqual(
      new Map<string | number, unknown>([
        ['a', 1],
        [7, null],
        ['b', []],
      ]),
    );
    expect(read('(K', 1, 'K', 2, 't')).toEqual(new PickleTuple([1, 2]));
    expect(read(')')).toEqual(new PickleTuple([]));
    expect(read('K', 1, 'K', 2, 'K', 3, 0x87)).toEqual(new PickleTuple([1, 2, 3]));
  });

  test('the memo gives the same object again', () => {
    const list = read(']q', 0, ']a', 'h', 0, 0x86) as unknown;
    expect(list).toBeInstanceOf(PickleTuple);
    const [first, second] = (list as PickleTuple).items;
    expect(first).toBe(second);
  });

  test('later protocols differ by framing and memo only', () => {
    expect(unpickle(bytes(0x80, 4, 0x95, u32(3), u32(0), ']', 0x94, 'K', 5, 'a.'), host)).toEqual([5]);
  });
});

describe('what a checkpoint may not ask for', () => {
  const refused = (name: string, ...parts: readonly Part[]) => {
    expect(() => unpickleCheckpoint(pickle(...parts))).toThrow(WeightsInvalidError);
    expect(() => unpickleCheckpoint(pickle(...parts))).toThrow(
      new RegExp(`asks for "${name.replaceAll('.', '\\.')}", which is refused`),
    );
  };

  test('a command, however it is put', () => {
    refused('os.system', 'cos\nsystem\n', text('true'), 0x85, 'R');
    refused('posix.system', text('posix'), text('system'), 0x93, text('true'), 0x85, 'R');
    refused('builtins.eval', 'cbuiltins\neval\n', text('1'), 0x85, 'R');
    refused('torch.storage._load_from_bytes', 'ctorch.storage\n_load_from_bytes\n)R');
    refused('numpy.core.multiarray.scalar', 'cnumpy.core.multiarray\nscalar\n)R');
    // The memo of names that are allowed does not make others so.
    refused('__main__.Model', 'ccollections\nOrderedDict\nq\0', 'c__main__\nModel\n)', 0x81);
  });

  test('names that JavaScript objects have of themselves', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      refused(`${name}.${name}`, `c${name}\n${name}\n`);
    }
  });

  test.each([
    ['INST', bytes('(ios\nsystem\n')],
    ['OBJ', bytes('(ccollections\nOrderedDict\no')],
    ['NEWOBJ', bytes('ccollections\nOrderedDict\n)', 0x81)],
    ['EXT1', bytes(0x82, 1)],
    ['PERSID', bytes('Pstorage\n')],
    ['LONG4', bytes(0x8b, u32(1), 0)],
    ['EMPTY_SET', bytes(0x8f)],
    ['DUP', bytes('N2')],
    ['an unknown opcode', bytes(0xff)],
  ])('%s', (_, part) => {
    expect(() => unpickleCheckpoint(pickle(part))).toThrow(/uses the opcode 0x[0-9a-f]{2} at byte \d+/);
  });

  test('calling what is no function', () => {
    expect(() => unpickleCheckpoint(pickle('ctorch\nFloatStorage\n)R'))).toThrow(/FloatStorage, which is no function/);
    expect(() => unpickleCheckpoint(pickle('N)R'))).toThrow(/no name/);
    expect(() => unpickleCheckpoint(pickle('ccollections\nOrderedDict\nNR'))).toThrow(/no name/);
    expect(() => unpickleCheckpoint(pickle('ccollections\nOrderedDict\n]', 0x85, 'R'))).toThrow(/from arguments/);
  });
});

describe('damage', () => {
  test.each([
    ['nothing', Buffer.alloc(0), /cut short/],
    ['another protocol', bytes(0x80, 6, 'N.'), /protocol 2 to 5/],
    ['no protocol', bytes('(lp0\n.'), /protocol 2 to 5/],
    ['no end', bytes(0x80, 2, 'N'), /cut short/],
    ['no value', pickle(), /one value/],
    ['two values', pickle('NN'), /one value/],
    ['an open mark', pickle('N('), /one value/],
    ['a text longer than the file', pickle('X', u32(0xffffffff), 'a'), /cut short/],
    ['bytes longer than the file', pickle('B', u32(0xfffffff0)), /cut short/],
    ['a text that is not UTF-8', pickle('X', u32(1), 0xff), /UTF-8/],
    ['a name without an end', pickle('cos'), /a name does not end/],
    ['an empty stack', pickle('a'), /empty stack/],
    ['values below a mark', pickle(']N(as'), /empty stack/],
    ['a mark that was never set', pickle('Nt'), /never opened/],
    ['a memo that was never set', pickle('h', 3), /recalls 3/],
    ['appending to a number', pickle('K', 1, 'Na'), /no list/],
    ['entries of a list', pickle('](NNu'), /no dict/],
    ['an odd number of entries', pickle('}(Nu'), /no dict/],
    ['a list as a key', pickle('}]Ns'), /neither text nor number/],
    ['a key twice', pickle('}(', text('k'), 'N', text('k'), 'Nu'), /key "k" twice/],
    ['a state for a list', pickle(']}b'), /has none/],
  ])('%s', (_, data, message) => {
    expect(() => unpickle(data, host)).toThrow(WeightsInvalidError);
    expect(() => unpickle(data, host)).toThrow(message);
  });
});

describe('bounds', () => {
  const swift = (data: Uint8Array, message: RegExp) => {
    const start = performance.now();
    expect(() => unpickle(data, host)).toThrow(message);
    // A second is what an honest user would put up with; it takes a tenth of that.
    expect(performance.now() - start).toBeLessThan(1000);
  };

  test('marks, objects, opcodes and bytes are counted', () => {
    swift(pickle(Buffer.alloc(5000, '(')), /nests deeper/);
    swift(pickle(Buffer.alloc(300_000, ']')), /builds more than 250000 objects/);
    swift(pickle(Buffer.alloc(2_100_000, 'N')), /more than 2000000 opcodes/);
    swift(Buffer.alloc(17 * 2 ** 20, 'N'), /too large/);
  });

  test('lists of lists of lists of the same list are shared, not copied', () => {
    const doubling = Buffer.concat(Array.from({ length: 200 }, (_, i) => bytes(']q', i + 1, '(h', i, 'h', i, 'e')));
    const start = performance.now();
    unpickle(pickle(']q', 0, doubling, Buffer.alloc(200, 'a')), host);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('a list that holds itself can be read', () => {
    const list = read(']q', 0, 'h', 0, 'a') as unknown[];
    expect(list[0]).toBe(list);
  });
});

describe('tensors', () => {
  const storage = (elements = 6, type = 'FloatStorage', key = '0') =>
    bytes('(', text('storage'), `ctorch\n${type}\n`, text(key), text('cpu'), 'J', u32(elements), 'tQ');
  const dims = (...sides: readonly number[]) => bytes('(', ...sides.map((side) => bytes('J', u32(side))), 't');
  const tensor = (of: Uint8Array, offset: number, size: Uint8Array, stride: Uint8Array) =>
    pickle('ctorch._utils\n_rebuild_tensor_v2\n(', of, 'J', u32(offset), size, stride, 0x89, 'NtR');

  test('are described by storage, offset, shape and strides', () => {
    const value = unpickleCheckpoint(tensor(storage(), 1, dims(2, 2), dims(1, 3)));
    expect(value).toBeInstanceOf(PickledTensor);
    expect(value).toMatchObject({ offset: 1, shape: [2, 2], strides: [1, 3], storage: { type: 'F32', elements: 6 } });
  });

  test.each([
    ['beyond its storage', tensor(storage(), 3, dims(2, 2), dims(1, 3)), /beyond its storage 0 of 6/],
    ['with a negative side', tensor(storage(), 0, dims(0xffffffff), dims(1)), /a shape is not a tuple/],
    ['with a negative stride', tensor(storage(), 0, dims(2), dims(0xffffffff)), /a stride is not a tuple/],
    ['with a side too few', tensor(storage(), 0, dims(2), dims()), /not as many strides/],
    ['of nine dimensions', tensor(storage(), 0, dims(...Array(9).fill(1)), dims(...Array(9).fill(1))), /at most 8/],
    [
      'of enormous sides',
      tensor(storage(), 0, dims(2 ** 31 - 1, 2 ** 31 - 1), dims(2 ** 31 - 1, 1)),
      /beyond its storage/,
    ],
    ['without a storage', tensor(bytes('N'), 0, dims(1), dims(1)), /no storage/],
    ['of an unknown type', tensor(storage(6, 'QUInt8Storage'), 0, dims(1), dims(1)), /torch\.QUInt8Storage/],
    [
      'whose storage has a path for a key',
      tensor(storage(6, 'FloatStorage', '../x'), 0, dims(1), dims(1)),
      /reference/,
    ],
    ['parameter of a number', pickle('ctorch._utils\n_rebuild_parameter\n(K', 1, 'tR'), /no tensor/],
    ['reference to nothing', pickle('NQ'), /reference/],
  ])('one %s is refused', (_, data, message) => {
    expect(() => unpickleCheckpoint(data)).toThrow(WeightsInvalidError);
    expect(() => unpickleCheckpoint(data)).toThrow(message);
  });
});
