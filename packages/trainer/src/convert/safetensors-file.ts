import { sizeOf, WeightsInvalidError } from '@swinface/core';
import * as v from 'valibot';
import type { ByteSource } from '../files/byte-source.js';
import { BYTES_PER_ELEMENT, decodeElements, type StoredType } from './dtypes.js';
import type { LazyTensor } from './tensors.js';

/** A full-size network's header has about 60 kB. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;
const TYPES = Object.keys(BYTES_PER_ELEMENT) as StoredType[];

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const headerSchema = v.record(
  v.string(),
  v.strictObject({
    dtype: v.picklist(TYPES),
    shape: v.pipe(v.array(natural), v.maxLength(8)),
    data_offsets: v.strictTuple([natural, natural]),
  }),
);

/**
 * Opens a safetensors file of anyone's: more element types than a shard may hold, tensors read one by one.
 *
 * @throws {WeightsInvalidError} if its header is damaged, or its tensors do not tile its data exactly
 */
export async function openSafetensors(source: ByteSource): Promise<ReadonlyMap<string, LazyTensor>> {
  const invalid = (message: string, cause?: unknown) =>
    new WeightsInvalidError(`The file is not valid safetensors: ${message}.`, { cause });
  if (source.size < 8) throw invalid(`it has ${source.size} bytes, fewer than the 8 of a header length`);
  const claimed = new DataView((await source.read(0, 8)).buffer).getBigUint64(0, true);
  if (claimed > BigInt(Math.min(MAX_HEADER_BYTES, source.size - 8))) {
    throw invalid(`its header claims ${claimed} bytes, the file has ${source.size}`);
  }
  const start = 8 + Number(claimed);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await source.read(8, Number(claimed))));
  } catch (cause) {
    throw invalid('its header is not JSON', cause);
  }
  if (typeof json === 'object' && json !== null && '__metadata__' in json) {
    const { __metadata__: _, ...tensors } = json;
    json = tensors;
  }
  const header = v.safeParse(headerSchema, json);
  if (!header.success) {
    const [issue] = header.issues;
    throw invalid(`${v.getDotPath(issue) ?? 'its header'}: ${issue.message}`);
  }
  const entries = Object.entries(header.output).sort(
    ([, { data_offsets: a }], [, { data_offsets: b }]) => a[0] - b[0] || a[1] - b[1],
  );
  let position = 0;
  for (const [name, { dtype, shape, data_offsets }] of entries) {
    const [begin, end] = data_offsets;
    const bytes = sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
    if (begin !== position) throw invalid(`${name} starts at ${begin}, the data before it ends at ${position}`);
    if (end - begin !== bytes) throw invalid(`${name} takes ${bytes} bytes, but spans ${end - begin}`);
    position = end;
  }
  if (position !== source.size - start) {
    throw invalid(`its tensors take ${position} bytes, its data ${source.size - start}`);
  }
  return new Map(
    entries.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => [
        name,
        {
          type: dtype,
          shape,
          read: async () => decodeElements(name, dtype, await source.read(start + begin, end - begin)),
        },
      ],
    ),
  );
}
