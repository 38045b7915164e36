import { isBranded, requireInput } from '@swinface/geometry';
import * as v from 'valibot';
import { WeightsInvalidError } from '../errors.js';
import { type HostTensor, requireTensor, sizeOf } from '../tensor.js';
import { decodeFloat16, encodeFloat16 } from './float16.js';
import type { DType } from './manifest-types.js';
import {
  BYTES_PER_ELEMENT,
  checkedScales,
  dequantizeRows,
  quantizeRows,
  requireDType,
  SCALE_SUFFIX,
} from './quantized.js';

/** A tensor of a safetensors file, still in its storage type. */
export interface StoredTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Little-endian elements, row-major; a view into the file. */
  readonly bytes: Uint8Array;
  /** Factor of each row [shape[0]]; with I8 only. */
  readonly scales?: Float32Array;
}

/** The largest magnitude of a quantized element. */
const MAX_I8 = 127;
/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const headerSchema = v.record(
  v.string(),
  v.strictObject({
    dtype: v.picklist(['F32', 'F16', 'I8']),
    shape: v.pipe(v.array(natural), v.maxLength(8)),
    data_offsets: v.strictTuple([natural, natural]),
  }),
);

/**
 * Reads a safetensors file (https://huggingface.co/docs/safetensors): 8 bytes of header length, a JSON header, the data.
 * Nothing in the file is trusted: offsets must tile the data exactly, in any order, and sizes must fit shapes.
 * An I8 matrix `X` is stored with `X.scale`, a float32 per row; it comes out as one tensor.
 *
 * @throws {WeightsInvalidError} if the file is damaged
 * @throws {InvalidInputError} if these are not bytes
 */
export function parseSafetensors(file: Uint8Array, name = 'The weight file'): ReadonlyMap<string, StoredTensor> {
  requireInput(isBranded(file, 'Uint8Array'), 'The argument "file"', 'a Uint8Array', file);
  requireInput(typeof name === 'string', 'The argument "name"', 'a name for errors', name);
  const invalid = (message: string, cause?: unknown) =>
    new WeightsInvalidError(`${name} is not a valid safetensors file: ${message}.`, { cause });
  if (file.length < 8) throw invalid(`it has ${file.length} bytes, fewer than the 8 of a header length`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > BigInt(Math.min(MAX_HEADER_BYTES, file.length - 8))) {
    throw invalid(`its header claims ${headerBytes} bytes, the file has ${file.length}`);
  }
  const dataStart = 8 + Number(headerBytes);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, dataStart)));
  } catch (cause) {
    throw invalid('its header is not JSON', cause);
  }
  if (typeof json === 'object' && json !== null && '__metadata__' in json) {
    const { __metadata__: _, ...tensors } = json;
    json = tensors;
  }
  const header = v.safeParse(headerSchema, json);
  if (!header.success) throw invalid(describeIssue(header.issues[0]));

  const data = file.subarray(dataStart);
  const entries = Object.entries(header.output).sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  let position = 0;
  for (const [tensor, { dtype, shape, data_offsets }] of entries) {
    const [begin, end] = data_offsets;
    const bytes = sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
    if (begin !== position) throw invalid(`${tensor} starts at ${begin}, the data before it ends at ${position}`);
    if (end - begin !== bytes) {
      throw invalid(`${tensor} is ${dtype} [${shape.join(', ')}], ${bytes} bytes, but spans ${end - begin}`);
    }
    if (end > data.length) throw invalid(`${tensor} ends at ${end}, the data at ${data.length}`);
    position = end;
  }
  if (position !== data.length) throw invalid(`${data.length - position} bytes follow the last tensor`);
  const stored = new Map<string, StoredTensor>(
    entries.map(([tensor, { dtype, shape, data_offsets }]) => [
      tensor,
      { dtype, shape, bytes: data.subarray(...data_offsets) },
    ]),
  );
  for (const [tensor, entry] of [...stored]) {
    if (entry.dtype !== 'I8') continue;
    const scales = checkedScales(tensor, entry, stored.get(tensor + SCALE_SUFFIX));
    stored.set(tensor, { ...entry, scales });
    stored.delete(tensor + SCALE_SUFFIX);
  }
  const lone = [...stored.keys()].find((tensor) => tensor.endsWith(SCALE_SUFFIX));
  if (lone !== undefined) throw invalid(`${lone} belongs to no I8 tensor`);
  return stored;
}

/** Where a value breaks its schema, and how. */
export function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  return path === null ? issue.message : `${path}: ${issue.message}`;
}

/** Widens a stored tensor to float32. */
export function decodeTensor({ dtype, shape, bytes, scales }: StoredTensor): HostTensor {
  if (scales) {
    return dequantizeRows({ shape, values: new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length), scales });
  }
  const { buffer } = aligned(bytes, true);
  return { shape, data: dtype === 'F16' ? decodeFloat16(new Uint16Array(buffer)) : new Float32Array(buffer) };
}

/** The first element of a stored tensor that would not be a finite float32. */
export function findUnbounded(stored: StoredTensor): { readonly at: number; readonly value: number } | undefined {
  const { dtype, shape, bytes, scales } = stored;
  const found = (at: number) => ({ at, value: decodeTensor(stored).data[at] as number });
  if (scales) {
    const row = scales.findIndex((scale) => !Number.isFinite(Math.fround(scale * MAX_I8)));
    return row < 0 ? undefined : { at: (row * bytes.length) / (shape[0] ?? 1), value: Number.POSITIVE_INFINITY };
  }
  const { buffer, byteOffset, length } = aligned(bytes, false);
  if (dtype === 'F16') {
    const halves = new Uint16Array(buffer, byteOffset, length / 2);
    for (let i = 0; i < halves.length; i++) if (((halves[i] as number) & 0x7c00) === 0x7c00) return found(i);
    return undefined;
  }
  const values = new Float32Array(buffer, byteOffset, length / 4);
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return found(i);
  return undefined;
}

/**
 * The same bytes where wider elements can be read: a view into a file need not start at a multiple of their size.
 *
 * @param copy in any case; not by slice(), which copies nothing in a Node Buffer
 */
const aligned = (bytes: Uint8Array, copy: boolean): Uint8Array =>
  copy || bytes.byteOffset % 4 !== 0 ? new Uint8Array(bytes) : bytes;

/** A tensor as its entries of a file. */
function encode(name: string, tensor: HostTensor, dtype: DType): [string, StoredTensor][] {
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => new Uint8Array(buffer, byteOffset, byteLength);
  requireTensor(tensor);
  requireDType(dtype);
  const { shape, data } = tensor;
  if (dtype !== 'I8') return [[name, { dtype, shape, bytes: bytes(dtype === 'F16' ? encodeFloat16(data) : data) }]];
  const { values, scales } = quantizeRows(tensor);
  return [
    [name, { dtype, shape, bytes: bytes(values) }],
    [name + SCALE_SUFFIX, { dtype: 'F32', shape: [scales.length], bytes: bytes(scales) }],
  ];
}

/**
 * Writes tensors as one safetensors file. I8 rounds each row of a matrix to the nearest step and adds its scales.
 *
 * @param dtype storage type of all tensors, or of each by name
 * @throws {InvalidInputError} if a tensor does not fit its shape, or there is no such type
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  dtype: DType | ((name: string) => DType),
): Uint8Array<ArrayBuffer> {
  requireInput(isBranded(tensors, 'Map'), 'The argument "tensors"', 'a Map of tensors by name', tensors);
  if (typeof dtype !== 'function') requireDType(dtype);
  const entries = [...tensors].flatMap(([name, tensor]) =>
    encode(name, tensor, typeof dtype === 'string' ? dtype : dtype(name)),
  );
  // Wide elements first, so that every tensor starts at a multiple of its element's size.
  entries.sort(([, a], [, b]) => BYTES_PER_ELEMENT[b.dtype] - BYTES_PER_ELEMENT[a.dtype]);
  const header: Record<string, { dtype: DType; shape: readonly number[]; data_offsets: [number, number] }> = {};
  let position = 0;
  for (const [name, { dtype, shape, bytes }] of entries) {
    header[name] = { dtype, shape, data_offsets: [position, position + bytes.length] };
    position += bytes.length;
  }
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8)); // aligns the data to 8 bytes
  const file = new Uint8Array(8 + text.length + position);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let offset = 8 + text.length;
  for (const [, { bytes }] of entries) {
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}
