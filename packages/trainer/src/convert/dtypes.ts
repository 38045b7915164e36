import { decodeFloat16, WeightsInvalidError } from '@swinface/core';

/** Element types of checkpoints, by their safetensors names. */
export type StoredType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

/** Bytes of one element. */
export const BYTES_PER_ELEMENT: Readonly<Record<StoredType, number>> = Object.freeze({
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
});

/**
 * Elements as float32; float64 is rounded to nearest.
 *
 * @param bytes little-endian elements, starting a buffer of their own
 * @throws {WeightsInvalidError} if the type holds no weights
 */
export function decodeElements(name: string, type: StoredType, bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const { buffer, byteOffset } = bytes;
  const count = bytes.length / BYTES_PER_ELEMENT[type];
  switch (type) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, count);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, count));
    case 'F16':
      return decodeFloat16(new Uint16Array(buffer, byteOffset, count));
    case 'BF16': {
      // The upper half of a float32.
      const bits = Uint32Array.from(new Uint16Array(buffer, byteOffset, count), (half) => half * 0x10000);
      return new Float32Array(bits.buffer);
    }
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, count), Number);
    default:
      throw new WeightsInvalidError(`The tensor ${name} is stored as ${type}, which weights are not.`, {
        expected: 'F64, F32, F16, BF16 or I64',
        actual: type,
      });
  }
}
