import { inflateSync } from 'node:zlib';
import { InvalidInputError } from '@swinface/core';

/** A value of a MATLAB file: numbers column by column, text, a list (cell array), or the fields of a 1 x 1 struct. */
export type MatValue = number[] | string | MatValue[] | { readonly [field: string]: MatValue };

const MATRIX = 14;
const COMPRESSED = 15;
const UTF8 = 16;
const CELL = 1;
const STRUCT = 2;
const CHAR = 4;

/** Cells in cells; the data sets' files go to 3. */
const MAX_DEPTH = 16;
/** MATLAB's own names have at most 63 characters and a zero. */
const MAX_NAME = 64;
/** IMDB-WIKI's file inflates to about 150 MB. Small files are held to what files of their size inflate to. */
const MAX_INFLATED = 2 ** 29;
const inflatedLimit = (packed: number): number => Math.min(MAX_INFLATED, 2 ** 24 + 100 * packed);
/** Characters that one call of String.fromCharCode takes. */
const TEXT_CHUNK = 4096;

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
    if (small > 4) throw new RangeError(`a small element of ${small} bytes`);
    if (from + size > bytes.length) throw new RangeError(`an element of ${size} bytes passes the end`);
    yield { type, body: bytes.subarray(from, from + size) };
    // Elements are padded to eight bytes, compressed ones are not.
    at = small > 0 ? at + 8 : from + (type === COMPRESSED ? size : Math.ceil(size / 8) * 8);
  }
}

function numbers({ type, body }: Element): number[] {
  const [bytes, read] = NUMBERS[type] ?? [0, () => 0];
  if (bytes === 0) throw new RangeError(`storage type ${type}`);
  if (body.length % bytes !== 0) throw new RangeError(`${body.length} bytes of numbers of ${bytes} bytes`);
  return Array.from({ length: body.length / bytes }, (_, i) => read(body, i * bytes));
}

function characters(element: Element): string {
  if (element.type === UTF8) return element.body.toString('utf8');
  const codes = numbers(element);
  let text = '';
  for (let at = 0; at < codes.length; at += TEXT_CHUNK) {
    text += String.fromCharCode(...codes.slice(at, at + TEXT_CHUNK));
  }
  return text;
}

/** Names of a struct's fields, each padded with zeros to the same length. */
function fieldNames(length: Element, { body }: Element): string[] {
  const [width] = numbers(length);
  if (width === undefined || !Number.isInteger(width) || width < 1 || width > MAX_NAME || body.length % width !== 0) {
    throw new RangeError(`field names of ${width} bytes in ${body.length}`);
  }
  return Array.from({ length: body.length / width }, (_, i) =>
    body
      .subarray(i * width, (i + 1) * width)
      .toString('latin1')
      .replace(/\0.*$/s, ''),
  );
}

function matrix(body: Buffer, depth = 0): { name: string; value: MatValue } {
  if (depth > MAX_DEPTH) throw new RangeError(`arrays ${depth} deep`);
  const [flags, dims, name, ...rest] = elements(body);
  if (!flags || !dims || !name) throw new RangeError('an array without header');
  const kind = (numbers(flags)[0] ?? 0) & 0xff;
  const decoded = { name: name.body.toString('latin1') };
  const [first, second, ...others] = rest;
  const inner = (element: Element): MatValue => matrix(element.body, depth + 1).value;
  if (kind === CELL) return { ...decoded, value: rest.map(inner) };
  if (kind === CHAR) return { ...decoded, value: first ? characters(first) : '' };
  if (kind === STRUCT && first && second) {
    const names = fieldNames(first, second);
    if (names.length !== others.length) throw new RangeError(`${names.length} fields with ${others.length} values`);
    return { ...decoded, value: Object.fromEntries(others.map((element, i) => [names[i] ?? '', inner(element)])) };
  }
  return { ...decoded, value: first ? numbers(first) : [] };
}

/** The array inside a compressed element. */
function inflated({ body }: Element): Element | undefined {
  const limit = inflatedLimit(body.length);
  try {
    return [...elements(inflateSync(body, { maxOutputLength: limit }))][0];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new RangeError(`${body.length} bytes that inflate to more than ${limit}`);
    }
    throw error;
  }
}

/**
 * Reads the variables of a MATLAB 5 file (little-endian, compressed or not).
 *
 * @param path of the file, for messages
 * @throws {InvalidInputError} if the file is of another format or damaged.
 */
export function parseMat(bytes: Buffer, path = 'This'): Readonly<Record<string, MatValue>> {
  try {
    if (bytes.toString('latin1', 126, 128) !== 'IM') throw new RangeError('no little-endian MATLAB 5 header');
    const variables: [string, MatValue][] = [];
    for (const element of elements(bytes.subarray(128))) {
      const array = element.type === COMPRESSED ? inflated(element) : element;
      if (array?.type !== MATRIX) continue;
      const { name, value } = matrix(array.body);
      variables.push([name, value]);
    }
    return Object.fromEntries(variables);
  } catch (cause) {
    throw new InvalidInputError(`${path} is no MATLAB file that can be read.`, {
      expected: 'MATLAB 5 (save -v6 or -v7)',
      actual: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
