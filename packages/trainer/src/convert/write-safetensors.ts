import { type HostTensor, sizeOf } from '@swinface/core';
import type { StagedFile } from '../files/durable.js';

/** Writes weights as one safetensors file of float32 tensors, one tensor in memory at a time. */
export async function writeSafetensorsFile(
  file: StagedFile,
  shapes: ReadonlyMap<string, readonly number[]>,
  read: (name: string) => Promise<HostTensor>,
): Promise<void> {
  let end = 0;
  const header = Object.fromEntries(
    Array.from(shapes, ([name, shape]) => {
      const start = end;
      end += 4 * sizeOf(shape);
      return [name, { dtype: 'F32', shape, data_offsets: [start, end] }];
    }),
  );
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8)); // aligns the data to 8 bytes
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  await file.write(length);
  await file.write(text);
  for (const name of shapes.keys()) {
    const { data } = await read(name);
    await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}
