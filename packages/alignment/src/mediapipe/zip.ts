import { WeightsInvalidError } from '@swinface/core';

const END_OF_CENTRAL_DIRECTORY = 0x06054b50;
const CENTRAL_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;

/**
 * Takes one file out of a zip archive that lies in memory (a MediaPipe `.task` is one). No zip64, no encryption.
 *
 * @throws {WeightsInvalidError} if this is no zip archive, is cut short, lacks the file, or packs it in another way
 */
export async function readZipEntry(archive: Uint8Array, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  try {
    for (const entry of centralDirectory(view, archive)) {
      if (entry.name !== name) continue;
      if (view.getUint32(entry.offset, true) !== LOCAL_ENTRY) throw damaged('an entry does not start where it should');
      const start =
        entry.offset + 30 + view.getUint16(entry.offset + 26, true) + view.getUint16(entry.offset + 28, true);
      if (start + entry.packedSize > archive.length) throw damaged('an entry is cut short');
      const packed = archive.slice(start, start + entry.packedSize);
      const file = entry.method === STORED ? packed : await inflate(packed, entry.method, name);
      if (file.length !== entry.size) throw damaged(`${name} has the wrong size`);
      return file;
    }
  } catch (cause) {
    if (cause instanceof RangeError) throw damaged('a field points outside the archive', cause);
    throw cause;
  }
  throw new WeightsInvalidError(`The archive holds no file ${name}.`);
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packedSize: number;
  readonly size: number;
  readonly offset: number;
}

function* centralDirectory(view: DataView, archive: Uint8Array): Generator<Entry> {
  // The record is last, followed only by a comment of at most 65,535 bytes.
  let end = view.byteLength - 22;
  while (end >= 0 && end >= view.byteLength - 22 - 0xffff && view.getUint32(end, true) !== END_OF_CENTRAL_DIRECTORY) {
    end--;
  }
  if (end < 0 || view.getUint32(end, true) !== END_OF_CENTRAL_DIRECTORY) throw damaged('it has no central directory');
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== CENTRAL_ENTRY) throw damaged('its central directory is broken');
    const nameLength = view.getUint16(at + 28, true);
    yield {
      name: new TextDecoder().decode(archive.subarray(at + 46, at + 46 + nameLength)),
      method: view.getUint16(at + 10, true),
      packedSize: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
}

async function inflate(
  packed: Uint8Array<ArrayBuffer>,
  method: number,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  if (method !== DEFLATED) throw damaged(`${name} is packed by method ${method}; only stored and deflate are read`);
  try {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (cause) {
    throw damaged(`${name} does not unpack`, cause);
  }
}

function damaged(what: string, cause?: unknown): WeightsInvalidError {
  return new WeightsInvalidError(`The archive is damaged or no zip file: ${what}.`, { cause });
}
