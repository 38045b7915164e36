import { isSoftware } from './device.js';
import type { Kernel, Variant } from './kernel.js';

/** Picks the way to compute a kernel. */
export type Choice = (kernel: Kernel) => Variant;

/** Whether the device has what a variant needs. */
export const isSupported = (device: GPUDevice, { shader }: Variant): boolean =>
  (shader.enable ?? []).every((feature) => device.features.has(feature));

/**
 * What is known to be good before anything was measured on the device. On software adapters loads are dear and a
 * quad is four neighbours, which is measured and tested; elsewhere the variants that assume nothing.
 */
export function defaultChoice(device: GPUDevice): Choice {
  const wanted = isSoftware(device.adapterInfo) ? ['quad8', 'quad'] : [];
  return ({ variants }) =>
    variants.find((variant) => wanted.includes(variant.name) && isSupported(device, variant)) ?? variants[0];
}

/** The variant of that name where a kernel has it and the device can run it, the default elsewhere. */
export function prefer(device: GPUDevice, name: string): Choice {
  const fallback = defaultChoice(device);
  return (kernel) =>
    kernel.variants.find((variant) => variant.name === name && isSupported(device, variant)) ?? fallback(kernel);
}
