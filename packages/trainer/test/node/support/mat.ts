import { deflateSync } from 'node:zlib';

// A writer of MATLAB 5 files, from the published format: tag (type, bytes), body, padding to eight bytes.
export type Mat = { name?: string } & (
  | { numbers: number[]; rows?: number }
  | { text: string }
  | { cells: Mat[] }
  | { fields: Record<string, Mat> }
);
/** A tag and what it describes, padded. */
export const element = (type: number, body: Buffer): Buffer => {
  const tag = Buffer.alloc(8);
  tag.writeUInt32LE(type, 0);
  tag.writeUInt32LE(body.length, 4);
  return Buffer.concat([tag, body, Buffer.alloc((8 - (body.length % 8)) % 8)]);
};
export const int32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, v] of values.entries()) bytes.writeInt32LE(v, 4 * i);
  return bytes;
};
export const doubles = (values: number[]): Buffer => Buffer.from(Float64Array.from(values).buffer);
function matArray(value: Mat): Buffer {
  const head = (kind: number, dims: number[]) => [
    element(6, int32(kind, 0)),
    element(5, int32(...dims)),
    element(1, Buffer.from(value.name ?? '', 'latin1')),
  ];
  if ('numbers' in value) {
    const rows = value.rows ?? 1;
    return element(
      14,
      Buffer.concat([...head(6, [rows, value.numbers.length / rows]), element(9, doubles(value.numbers))]),
    );
  }
  if ('text' in value) {
    const text = Buffer.from(value.text, 'utf16le');
    return element(14, Buffer.concat([...head(4, [1, value.text.length]), element(17, text)]));
  }
  if ('cells' in value)
    return element(14, Buffer.concat([...head(1, [1, value.cells.length]), ...value.cells.map(matArray)]));
  const names = Object.keys(value.fields).map((name) =>
    Buffer.concat([Buffer.from(name), Buffer.alloc(32 - name.length)]),
  );
  // The length of a field name comes as a small element: type and size share one word.
  const length = Buffer.from([5, 0, 4, 0, 32, 0, 0, 0]);
  return element(
    14,
    Buffer.concat([
      ...head(2, [1, 1]),
      length,
      element(1, Buffer.concat(names)),
      ...Object.values(value.fields).map(matArray),
    ]),
  );
}
/** A file of arrays, each in a compressed element of its own if wanted. */
export const matFile = (compressed: boolean, ...values: Mat[]): Buffer =>
  matOf(...values.map(matArray).map((bytes) => (compressed ? compressedElement(bytes) : bytes)));

/** A file of elements. */
export function matOf(...elements: Buffer[]): Buffer {
  const header = Buffer.alloc(128, 32);
  header.writeUInt16LE(0x0100, 124);
  header.write('IM', 126);
  return Buffer.concat([header, ...elements]);
}

/** Compressed elements are not padded. */
export function compressedElement(inflated: Buffer): Buffer {
  const packed = deflateSync(inflated);
  const tag = Buffer.alloc(8);
  tag.writeUInt32LE(15, 0);
  tag.writeUInt32LE(packed.length, 4);
  return Buffer.concat([tag, packed]);
}
