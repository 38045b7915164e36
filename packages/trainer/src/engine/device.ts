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

/** A session and where it runs. */
export interface DeviceSession {
  readonly session: InferenceSession;
  readonly device: Device;
}

/**
 * Compiles a graph for a device; `auto` takes the first that works.
 *
 * @param threads of the CPU provider
 * @throws {UnsupportedDeviceError} if the device named is not to be had
 */
export async function createSession(
  model: Uint8Array,
  device: Device | 'auto',
  threads: number,
): Promise<DeviceSession> {
  const available = new Set(listSupportedBackends().map(({ name }) => name));
  if (device === 'auto' && !hasCuda()) available.delete('cuda');
  const wanted = device === 'auto' ? [...(PREFERRED[process.platform] ?? []), 'cpu' as const] : [device];
  let failure: unknown;
  for (const candidate of wanted) {
    if (!available.has(candidate)) continue;
    try {
      const session = await InferenceSession.create(model, {
        executionProviders: candidate === 'cpu' ? ['cpu'] : [candidate, 'cpu'],
        intraOpNumThreads: threads,
        // Threads that spin while they wait take the cores from each other on a busy machine (measured: up to 3 times slower).
        extra: { session: { intra_op: { allow_spinning: '0' } } },
      });
      return { session, device: candidate };
    } catch (error) {
      failure = error;
    }
  }
  throw new UnsupportedDeviceError(`No session for the device ${device}.`, {
    expected: `one of ${[...available].join(', ')}`,
    cause: failure,
  });
}
