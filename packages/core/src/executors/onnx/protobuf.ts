/**
 * The corner of the protocol buffer wire format that writing an ONNX model (and the trainer's event log) takes.
 * https://protobuf.dev/programming-guides/encoding/
 */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** What was written, in pieces; large fields are views of what was given. */
  get parts(): readonly Uint8Array[] {
    return this.#parts;
  }

  /** A field of wire type 0; negative values take ten bytes, as the format has it for int64. */
  integer(field: number, value: number | bigint): this {
    this.#key(field, 0);
    this.#push(varint(BigInt.asUintN(64, BigInt(value))));
    return this;
  }

  /** A field of wire type 5. */
  float(field: number, value: number): this {
    this.#key(field, 5);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#push(bytes);
    return this;
  }

  /** A field of wire type 1. */
  double(field: number, value: number): this {
    this.#key(field, 1);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.#push(bytes);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#key(field, 2);
    this.#push(varint(BigInt(value.byteLength)));
    this.#push(value);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: ProtobufWriter): this {
    this.#key(field, 2);
    this.#push(varint(BigInt(value.#length)));
    for (const part of value.#parts) this.#push(part);
    return this;
  }

  /** Packed repeated int64. */
  integers(field: number, values: readonly number[]): this {
    const packed = new ProtobufWriter();
    for (const value of values) packed.#push(varint(BigInt.asUintN(64, BigInt(value))));
    return this.message(field, packed);
  }

  finish(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      out.set(part, offset);
      offset += part.byteLength;
    }
    return out;
  }

  #key(field: number, wireType: number): void {
    this.#push(varint(BigInt((field << 3) | wireType)));
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.byteLength;
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}
