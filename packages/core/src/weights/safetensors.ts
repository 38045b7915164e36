import * as v from 'valibot';
import { WeightsInvalidError } from '../errors.js';
import { type HostTensor, sizeOf } from '../tensor.js';
import { decodeFloat16, encodeFloat16 } from './float16.js';
import type { DType } from './manifest-types.js';

/** A tensor of a safetensors file, still in its storage type. */
export interface StoredTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Little-endian elements, row-major; a view into the file. */
  readonly bytes: Uint8Array;
}

const BYTES_PER_ELEMENT: Readonly<Record<DType, number>> = { F32: 4, F16: 2 };
/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const headerSchema = v.record(
  v.string(),
  v.strictObject({
    dtype: v.picklist(['F32', 'F16']),
    shape: v.pipe(v.array(natural), v.maxLength(8)),
    data_offsets: v.strictTuple([natural, natural]),
  }),
);

/**
 * Reads a safetensors file (https://huggingface.co/docs/safetensors): 8 bytes of header length, a JSON header, the data.
 * Nothing in the file is trusted: offsets must tile the data exactly, in any order, and sizes must fit shapes.
 *
 * @throws {WeightsInvalidError}
 */
export function parseSafetensors(file: Uint8Array, name = 'The weight file'): ReadonlyMap<string, StoredTensor> {
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
  return new Map(
    entries.map(([tensor, { dtype, shape, data_offsets }]) => [
      tensor,
      { dtype, shape, bytes: data.subarray(...data_offsets) },
    ]),
  );
}

/** Where a value breaks its schema, and how. */
export function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  return path === null ? issue.message : `${path}: ${issue.message}`;
}

/** Widens a stored tensor to float32. */
export function decodeTensor({ dtype, shape, bytes }: StoredTensor): HostTensor {
  // A copy, because a view into the file need not be aligned to its element size; not by slice(), which copies nothing in a Node Buffer.
  const aligned = new Uint8Array(bytes).buffer;
  return { shape, data: dtype === 'F16' ? decodeFloat16(new Uint16Array(aligned)) : new Float32Array(aligned) };
}

/** Writes tensors as one safetensors file, all in one storage type. */
export function writeSafetensors(tensors: ReadonlyMap<string, HostTensor>, dtype: DType): Uint8Array {
  const header: Record<string, { dtype: DType; shape: readonly number[]; data_offsets: [number, number] }> = {};
  let position = 0;
  for (const [name, { shape }] of tensors) {
    const end = position + sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
    header[name] = { dtype, shape, data_offsets: [position, end] };
    position = end;
  }
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8)); // aligns the data to 8 bytes
  const file = new Uint8Array(8 + text.length + position);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let offset = 8 + text.length;
  for (const { data } of tensors.values()) {
    const stored = dtype === 'F16' ? encodeFloat16(data) : data;
    file.set(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength), offset);
    offset += stored.byteLength;
  }
  return file;
}
