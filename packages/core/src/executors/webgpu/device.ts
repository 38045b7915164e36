import { UnsupportedDeviceError } from '../../errors.js';

export interface DeviceRequest {
  /** One that the page has already; by default `navigator.gpu` is asked. Adapters give one device each. */
  readonly adapter?: GPUAdapter;
  readonly powerPreference?: GPUPowerPreference;
  /** Receives GPU errors outside every error scope, e.g. of kernels that the page encodes; the browser's console by default. */
  readonly onError?: (error: GPUError) => void;
}

export interface RequestedDevice {
  readonly device: GPUDevice;
  /** Vendor and architecture of the adapter, as far as the browser tells, e.g. "apple metal-3". */
  readonly description: string;
  /** The adapter is software on the CPU (SwiftShader, llvmpipe): correct, but slow. */
  readonly isFallback: boolean;
}

/** Limits that grow with the number of faces: asked for as large as the adapter has them. */
const GROWING_LIMITS = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** Asked for where the adapter has them; kernels do without. */
const USEFUL_FEATURES: readonly GPUFeatureName[] = ['subgroups', 'shader-f16', 'timestamp-query'];

/**
 * A device for {@link WebGpuEngine}, owned by the caller.
 *
 * @throws {UnsupportedDeviceError} if there is no WebGPU, no adapter, or the adapter gives no device
 */
export async function requestDevice(request: DeviceRequest = {}): Promise<RequestedDevice> {
  const adapter = request.adapter ?? (await requestAdapter(request.powerPreference));
  try {
    const device = await adapter.requestDevice({
      label: 'swinface',
      requiredLimits: Object.fromEntries(GROWING_LIMITS.map((name) => [name, adapter.limits[name]])),
      requiredFeatures: USEFUL_FEATURES.filter((name) => adapter.features.has(name)),
    });
    const { onError } = request;
    if (onError) {
      device.addEventListener('uncapturederror', (event) => {
        event.preventDefault();
        onError(event.error);
      });
    }
    return { device, description: describeAdapter(adapter.info), isFallback: isSoftware(adapter.info) };
  } catch (cause) {
    throw new UnsupportedDeviceError(`The adapter ${describeAdapter(adapter.info)} gives no device.`, { cause });
  }
}

async function requestAdapter(powerPreference: GPUPowerPreference | undefined): Promise<GPUAdapter> {
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) {
    throw new UnsupportedDeviceError('There is no WebGPU here (navigator.gpu is missing).', {
      hint: 'It needs a browser with WebGPU and a secure context (https or localhost).',
    });
  }
  const adapter = await gpu.requestAdapter(powerPreference ? { powerPreference } : {});
  if (!adapter) {
    throw new UnsupportedDeviceError('WebGPU is there, but it offers no adapter.', {
      hint: 'The graphics driver may be blocked, or hardware acceleration switched off.',
    });
  }
  return adapter;
}

/** What a browser tells of a device's adapter; nothing where it came before there was anything to tell. */
export const adapterInfoOf = (device: GPUDevice): GPUAdapterInfo => device.adapterInfo ?? UNKNOWN;

const UNKNOWN: GPUAdapterInfo = {
  __brand: 'GPUAdapterInfo',
  vendor: '',
  architecture: '',
  device: '',
  description: '',
  isFallbackAdapter: false,
};

/** "vendor architecture", or whatever of the adapter's description there is. */
export function describeAdapter({ vendor, architecture, description }: GPUAdapterInfo): string {
  return [vendor, architecture].filter(Boolean).join(' ') || description || 'unknown adapter';
}

/** Whether the adapter computes on the CPU. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  const names = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  return info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|basic render/.test(names);
}
