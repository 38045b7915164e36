import { inflateSync } from 'node:zlib';
import { InvalidInputError } from '@swinface/core';

/** A value of a MATLAB file: numbers column by column, text, a list (cell array), or the fields of a 1 x 1 struct. */
export type MatValue = number[] | string | MatValue[] | { readonly [field: string]: MatValue };

const MATRIX = 14;
const COMPRESSED = 15;
const CELL = 1;
const STRUCT = 2;
const CHAR = 4;

/** Reads one number of each storage type of the format. */
const NUMBERS: Readonly<Record<number, readonly [bytes: number, read: (b: Buffer, at: number) => number]>> = {
  1: [1, (b, at) => b.readInt8(at)],
  2: [1, (b, at) => b.readUInt8(at)],
  3: [2, (b, at) => b.readInt16LE(at)],
  4: [2, (b, at) => b.readUInt16LE(at)],
  5: [4, (b, at) => b.readInt32LE(at)],
  6: [4, (b, at) => b.readUInt32LE(at)],
  7: [4, (b, at) => b.readFloatLE(at)],
  9: [8, (b, at) => b.readDoubleLE(at)],
  12: [8, (b, at) => Number(b.readBigInt64LE(at))],
  13: [8, (b, at) => Number(b.readBigUInt64LE(at))],
  16: [1, (b, at) => b.readUInt8(at)],
  17: [2, (b, at) => b.readUInt16LE(at)],
};

interface Element {
  readonly type: number;
  readonly body: Buffer;
}

function* elements(bytes: Buffer): Generator<Element> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const word = bytes.readUInt32LE(at);
    const small = word >>> 16;
    const type = small > 0 ? word & 0xffff : word;
    const size = small > 0 ? small : bytes.readUInt32LE(at + 4);
    const from = at + (small > 0 ? 4 : 8);
    if (from + size > bytes.length) throw new RangeError(`an element of ${size} bytes passes the end`);
    yield { type, body: bytes.subarray(from, from + size) };
    // Elements are padded to eight bytes, compressed ones are not.
    at = small > 0 ? at + 8 : from + (type === COMPRESSED ? size : Math.ceil(size / 8) * 8);
  }
}

function numbers({ type, body }: Element): number[] {
  const [bytes, read] = NUMBERS[type] ?? [0, () => 0];
  if (bytes === 0) throw new RangeError(`storage type ${type}`);
  return Array.from({ length: body.length / bytes }, (_, i) => read(body, i * bytes));
}

function matrix(body: Buffer): { name: string; value: MatValue } {
  const [flags, dims, name, ...rest] = elements(body);
  if (!flags || !dims || !name) throw new RangeError('an array without header');
  const kind = (numbers(flags)[0] ?? 0) & 0xff;
  const decoded = { name: name.body.toString('latin1') };
  const [first, second, ...others] = rest;
  if (kind === CELL) return { ...decoded, value: rest.map((element) => matrix(element.body).value) };
  if (kind === CHAR) return { ...decoded, value: first ? String.fromCharCode(...numbers(first)) : '' };
  if (kind === STRUCT && first && second) {
    const length = numbers(first)[0] ?? 32;
    const fields = Array.from({ length: second.body.length / length }, (_, i) =>
      second.body
        .subarray(i * length, (i + 1) * length)
        .toString('latin1')
        .replace(/\0.*$/s, ''),
    );
    return {
      ...decoded,
      value: Object.fromEntries(fields.map((field, i) => [field, matrix(others[i]?.body ?? Buffer.alloc(0)).value])),
    };
  }
  return { ...decoded, value: first ? numbers(first) : [] };
}

/**
 * Reads the variables of a MATLAB 5 file (little-endian, compressed or not).
 *
 * @throws {InvalidInputError} if the file is of another format or damaged.
 */
export function parseMat(bytes: Buffer): Readonly<Record<string, MatValue>> {
  try {
    if (bytes.toString('latin1', 126, 128) !== 'IM') throw new RangeError('no little-endian MATLAB 5 header');
    const variables: [string, MatValue][] = [];
    for (const element of elements(bytes.subarray(128))) {
      const inner = element.type === COMPRESSED ? [...elements(inflateSync(element.body))][0] : element;
      if (inner?.type !== MATRIX) continue;
      const { name, value } = matrix(inner.body);
      variables.push([name, value]);
    }
    return Object.fromEntries(variables);
  } catch (cause) {
    throw new InvalidInputError('This is no MATLAB file that can be read.', {
      expected: 'MATLAB 5 (save -v6 or -v7)',
      actual: String(cause),
      cause,
    });
  }
}
