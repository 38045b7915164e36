import { isBranded, requireInput } from '@swinface/geometry';

/** Every half-precision number by its bits: looking one up is many times faster than computing it. */
let widened: Float32Array | undefined;

/** Widens IEEE half-precision numbers, given as their 16 bits. @throws {InvalidInputError} unless these are bits */
export function decodeFloat16(bits: Uint16Array): Float32Array {
  requireInput(isBranded(bits, 'Uint16Array'), 'The argument "bits"', 'a Uint16Array', bits);
  if (!widened) {
    widened = new Float32Array(2 ** 16);
    for (let half = 0; half < widened.length; half++) widened[half] = widen(half);
  }
  const table = widened;
  // Plain loops: `from` with a function goes through an iterator, which takes thirty times as long.
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i] as number] as number;
  return values;
}

function widen(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** Rounds to half precision, to nearest with ties to even; beyond 65504 gives infinity. */
export function encodeFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) bits[i] = narrow(values[i] as number);
  return bits;
}

function narrow(value: number): number {
  float[0] = value;
  const bits = word[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds past 65504
  if (magnitude < 0x38800000) {
    // Subnormal: a multiple of 2^-24.
    const scaled = Math.abs(float[0]) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    return sign | (floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0));
  }
  const rebiased = magnitude - 0x38000000;
  return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
}
