import { adapterInfoOf, isSoftware } from './device.js';
import { type Findings, identify, sizesOf } from './findings.js';
import type { Kernel, Variant } from './kernel.js';

/** Picks the way to compute a kernel. */
export type VariantChooser = (kernel: Kernel) => Variant;

/** Whether the device has what a variant needs. */
export const isSupported = (device: GPUDevice, { shader }: Variant): boolean =>
  (shader.enable ?? []).every((feature) => device.features.has(feature));

/**
 * What is likely to be fast before anything was measured on the device. On software adapters loads and barriers are
 * expensive, and a quad of neighbours shares loads at no cost: measured. On GPUs, tiles in workgroup memory that
 * neighbours fill from neighbouring addresses follow the literature: not measured, hence no entries by vendor.
 */
export function defaultChooser(device: GPUDevice): VariantChooser {
  const wanted = isSoftware(adapterInfoOf(device))
    ? ['quad8', 'quad4', 'quad', 'block2x4', 'block1x4']
    : ['tile64x32', 'tile'];
  return ({ variants }) => {
    const fitting = variants.filter((variant) => !variant.oversized && isSupported(device, variant));
    const named = wanted.map((name) => fitting.find((variant) => variant.name === name));
    return named.find((variant) => variant !== undefined) ?? variants[0];
  };
}

/** What was found on the device, the default elsewhere. */
export function foundChooser(device: GPUDevice, findings: Findings, faces: number): VariantChooser {
  const fallback = defaultChooser(device);
  if (findings.size === 0) return fallback;
  return (kernel) => {
    const name = findings.get(identify({ ...kernel, sizes: sizesOf(kernel.bindings) }, faces));
    return kernel.variants.find((variant) => variant.name === name && isSupported(device, variant)) ?? fallback(kernel);
  };
}

/** The variant of that name where a kernel has it and the device can run it, the default elsewhere. */
export function prefer(device: GPUDevice, name: string): VariantChooser {
  const fallback = defaultChooser(device);
  return (kernel) =>
    kernel.variants.find((variant) => variant.name === name && isSupported(device, variant)) ?? fallback(kernel);
}
