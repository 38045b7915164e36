import { type HostTensor, type ModelConfig, sizeOf, tensorShapes, type WeightMap } from '@swinface/core';

/** FNV-1a, 32 bit, of the UTF-8 bytes. */
function fnv1a(text: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  return hash;
}

/** Element i of the hash sequence that starts at h: uniform in [-1, 1). */
function hashed(h: number, i: number): number {
  let x = (h + Math.imul(i, 0x9e3779b9)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
  x = (x ^ (x >>> 16)) >>> 0;
  return (x / 2 ** 32) * 2 - 1;
}

/** How the values of a synthetic tensor of this name are scaled and shifted. */
function distribution(name: string, shape: readonly number[]): (v: number) => number {
  if (name.endsWith('relative_position_bias_table')) return (v) => 0.5 * v;
  if (name.endsWith('running_mean')) return (v) => 0.1 * v;
  if (name.endsWith('running_var')) return (v) => 1 + 0.5 * v;
  if (name.endsWith('.weight') && shape.length >= 2) {
    const scale = Math.sqrt(3 / sizeOf(shape.slice(1)));
    return (v) => v * scale;
  }
  if (name.endsWith('.weight')) return (v) => 1 + 0.2 * v;
  return (v) => 0.1 * v;
}

/**
 * A float32 weight tensor that any language can regenerate from its name.
 *
 * @param seed text that is hashed, where it differs from the name (a salted name)
 */
export function syntheticTensor(name: string, shape: readonly number[], seed = name): HostTensor {
  const h = fnv1a(seed);
  const value = distribution(name, shape);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(hashed(h, i))) };
}

/** Uniform numbers in [-1, 1), the same for the same text in every run: input images, test tensors. */
export function syntheticInput(seed: string, shape: readonly number[]): HostTensor {
  const h = fnv1a(seed);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => hashed(h, i)) };
}

/** A whole network's synthetic weights by checkpoint name. They mean nothing; they exercise everything. */
export function syntheticWeights(config: ModelConfig): WeightMap {
  return new Map([...tensorShapes(config)].map(([name, shape]) => [name, syntheticTensor(name, shape)]));
}
