import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { UnsupportedDeviceError } from '@swinface/core';
import { InferenceSession, listSupportedBackends } from 'onnxruntime-node';

/** Execution providers that a step's graph runs on. */
export const DEVICES = ['cpu', 'cuda', 'webgpu', 'dml', 'coreml'] as const;
export type Device = (typeof DEVICES)[number];

/** Faster than the CPU wherever they work, in the order they are tried; WebGPU may be a software adapter, so it is never chosen unasked. */
const PREFERRED: Readonly<Record<string, readonly Device[]>> = { linux: ['cuda'], win32: ['cuda', 'dml'], darwin: [] };

/** Whether CUDA's provider, which is installed apart, is there: trying without it makes ONNX Runtime print errors. */
function hasCuda(): boolean {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const binaries = join(dirname(entry), '..', 'bin');
  const wanted = /^(lib)?onnxruntime_providers_cuda\.(so|dll)$/;
  return readdirSync(binaries, { recursive: true }).some((file) => wanted.test(basename(String(file))));
}

/** What each device needs beyond onnxruntime-node, and what to do where it is lacking. */
const REQUIREMENTS: Readonly<Record<Device, { readonly expected: string; readonly hint: string }>> = {
  cpu: { expected: 'Linux, Windows or macOS on x64 or arm64', hint: 'Reinstall onnxruntime-node.' },
  cuda: {
    expected: "Linux on x64 with an NVIDIA GPU, its driver, CUDA 12, cuDNN 9 and ONNX Runtime's CUDA provider",
    hint: 'The provider comes with `npm install onnxruntime-node --onnxruntime-node-install=cuda12`; CUDA and cuDNN come from NVIDIA.',
  },
  webgpu: {
    expected: 'Windows, macOS or Linux on x64 with a GPU and its driver (Direct3D 12, Metal or Vulkan)',
    hint: 'Install the driver; for tests, a software adapter such as SwiftShader serves, named by VK_ICD_FILENAMES.',
  },
  dml: {
    expected: 'Windows 10 or later with a DirectX 12 GPU; DirectML comes with onnxruntime-node there',
    hint: 'Elsewhere use cuda, webgpu or cpu.',
  },
  coreml: { expected: 'macOS; Core ML comes with it', hint: 'Elsewhere use cuda, webgpu or cpu.' },
};

/** A session and where it runs. */
export interface DeviceSession {
  readonly session: InferenceSession;
  readonly device: Device;
}

/**
 * Compiles a graph for a device; `auto` takes the first that works.
 *
 * @param threads of the CPU provider
 * @throws {UnsupportedDeviceError} if the device named is not to be had, saying what it needs
 */
export async function createSession(
  model: Uint8Array,
  device: Device | 'auto',
  threads: number,
): Promise<DeviceSession> {
  const available = new Set(listSupportedBackends().map(({ name }) => name));
  if (!hasCuda()) available.delete('cuda');
  const wanted = device === 'auto' ? [...(PREFERRED[process.platform] ?? []), 'cpu' as const] : [device];
  let failure: unknown;
  for (const candidate of wanted) {
    if (!available.has(candidate)) continue;
    try {
      const session = await InferenceSession.create(model, {
        executionProviders: candidate === 'cpu' ? ['cpu'] : [candidate, 'cpu'],
        intraOpNumThreads: threads,
        // Planned as one piece, a training step's memory comes on top of what its first run took (measured: 1.5 to 1.7
        // times the peak) and makes no step faster.
        enableMemPattern: false,
        // Threads that spin while they wait take the cores from each other on a busy machine (measured: up to 3 times slower).
        extra: { session: { intra_op: { allow_spinning: '0' } } },
      });
      return { session, device: candidate };
    } catch (error) {
      failure = error;
    }
  }
  const missing = device === 'auto' ? 'cpu' : device;
  throw new UnsupportedDeviceError(`The device ${missing} cannot be used.`, {
    expected: REQUIREMENTS[missing].expected,
    actual:
      failure instanceof Error
        ? `"${failure.message.trim()}"`
        : `${process.platform} on ${process.arch} with ${[...available].filter(isDevice).join(', ')}`,
    hint: REQUIREMENTS[missing].hint,
    cause: failure,
  });
}

const isDevice = (name: string): name is Device => (DEVICES as readonly string[]).includes(name);
