import { join } from 'node:path';
import { at } from '@swinface/core/internal';
import { ProtobufWriter } from '@swinface/core/onnx';
import { append } from '../files/durable.js';

/** CRC-32C (Castagnoli), reflected polynomial. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C of some bytes. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = at(TABLE, (crc ^ byte) & 0xff) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The checksum that TFRecord files hold: rotated and shifted, so that data with checksums in it stays safe. */
const masked = (bytes: Uint8Array): number => {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};

/** One record of a TFRecord file: length, its checksum, data, its checksum. */
function record(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(16 + data.length);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(out.subarray(0, 8)), true);
  out.set(data, 12);
  view.setUint32(12 + data.length, masked(data), true);
  return out;
}

/** Scalars that TensorBoard reads: a file of tensorflow.Event records in the run's folder. */
export class EventLog {
  private constructor(private readonly path: string) {}

  /** Starts a file of its own for this sitting. */
  static async create(folder: string, seconds = Date.now() / 1000): Promise<EventLog> {
    const path = join(folder, `events.out.tfevents.${Math.floor(seconds)}.swinface.${process.pid}`);
    const version = new ProtobufWriter().double(1, seconds).text(3, 'brain.Event:2');
    await append(path, record(version.finish()));
    return new EventLog(path);
  }

  async write(step: number, scalars: Readonly<Record<string, number>>): Promise<void> {
    const summary = new ProtobufWriter();
    for (const [tag, value] of Object.entries(scalars)) {
      summary.message(1, new ProtobufWriter().text(1, tag).float(2, value));
    }
    const event = new ProtobufWriter()
      .double(1, Date.now() / 1000)
      .integer(2, step)
      .message(5, summary);
    await append(this.path, record(event.finish()));
  }
}
