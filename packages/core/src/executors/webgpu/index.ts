export type { WeightsInput } from './arrivals.js';
export {
  adapterInfoOf,
  type DeviceRequest,
  describeAdapter,
  isSoftware,
  type RequestedDevice,
  requestDevice,
} from './device.js';
export { type CompileOptions, WebGpuEngine } from './engine.js';
export type { KernelTime } from './profile.js';
export type { ProgramStatistics } from './program.js';
export type { Storage } from './storage.js';
