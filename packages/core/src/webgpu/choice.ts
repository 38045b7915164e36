import { isSoftware } from './device.js';
import type { Kernel, Variant } from './kernel.js';
import { type Findings, identify, sizesOf } from './tuning/findings.js';

/** Picks the way to compute a kernel. */
export type Choice = (kernel: Kernel) => Variant;

/** Whether the device has what a variant needs. */
export const isSupported = (device: GPUDevice, { shader }: Variant): boolean =>
  (shader.enable ?? []).every((feature) => device.features.has(feature));

/**
 * What is likely to be good before anything was measured on the device. On software adapters loads and barriers are dear
 * and a quad is four neighbours: measured and tested. On GPUs what neighbours load from neighbouring addresses and share
 * in workgroup memory is what the literature finds: not measured. No vendor has an entry of its own before somebody
 * measures there.
 */
export function defaultChoice(device: GPUDevice): Choice {
  const wanted = isSoftware(device.adapterInfo) ? ['quad8', 'quad4', 'quad'] : ['tile64x32', 'tile'];
  return ({ variants }) => {
    const fitting = variants.filter((variant) => !variant.oversized && isSupported(device, variant));
    const named = wanted.map((name) => fitting.find((variant) => variant.name === name));
    return named.find((variant) => variant !== undefined) ?? variants[0];
  };
}

/** What was found on the device, the default elsewhere. */
export function foundChoice(device: GPUDevice, findings: Findings, faces: number): Choice {
  const fallback = defaultChoice(device);
  if (findings.size === 0) return fallback;
  return (kernel) => {
    const name = findings.get(identify({ ...kernel, sizes: sizesOf(kernel.bindings) }, faces));
    return kernel.variants.find((variant) => variant.name === name && isSupported(device, variant)) ?? fallback(kernel);
  };
}

/** The variant of that name where a kernel has it and the device can run it, the default elsewhere. */
export function prefer(device: GPUDevice, name: string): Choice {
  const fallback = defaultChoice(device);
  return (kernel) =>
    kernel.variants.find((variant) => variant.name === name && isSupported(device, variant)) ?? fallback(kernel);
}
