import { SwinFaceError } from '../../errors.js';
import { type Access, codeOf, type Variant } from './kernel.js';

const BUFFER_TYPES = { uniform: 'uniform', read: 'read-only-storage', write: 'storage' } as const;

/** What a device has compiled so far: two networks of one shape share their pipelines. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #ready = new Map<string, GPUComputePipeline>();
  readonly #pending = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The layout of binding 0, the run's uniform, and the kernel's own bindings after it. */
  layout(accesses: readonly Access[]): GPUBindGroupLayout {
    const types = accesses.map((access) => BUFFER_TYPES[access]);
    const key = types.join();
    const known = this.#layouts.get(key);
    if (known) return known;
    const layout = this.#device.createBindGroupLayout({
      label: key,
      entries: (['uniform', ...types] as const).map((type, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type },
      })),
    });
    this.#layouts.set(key, layout);
    return layout;
  }

  /**
   * @param label of the kernel that asks first, for tools and errors
   * @param accesses of its bindings
   */
  pipeline(label: string, accesses: readonly Access[], variant: Variant): Promise<GPUComputePipeline> {
    const code = codeOf(variant.shader);
    const key = JSON.stringify([variant.entryPoint, variant.constants, code]);
    const ready = this.#ready.get(key);
    if (ready) return Promise.resolve(ready);
    const pending = this.#pending.get(key);
    if (pending) return pending;
    const created = this.#create(label, accesses, variant, code).then(
      (pipeline) => {
        this.#ready.set(key, pipeline);
        this.#pending.delete(key);
        return pipeline;
      },
      (error: unknown) => {
        this.#pending.delete(key);
        throw error;
      },
    );
    this.#pending.set(key, created);
    return created;
  }

  async #create(
    label: string,
    accesses: readonly Access[],
    { entryPoint, constants }: Variant,
    code: string,
  ): Promise<GPUComputePipeline> {
    // The rejected promise tells of an invalid shader; the scope keeps it from being reported as uncaught as well.
    this.#device.pushErrorScope('validation');
    const module = this.#modules.get(code) ?? this.#device.createShaderModule({ label: entryPoint, code });
    this.#modules.set(code, module);
    const created = this.#device.createComputePipelineAsync({
      label,
      layout: this.#device.createPipelineLayout({ label, bindGroupLayouts: [this.layout(accesses)] }),
      compute: { module, entryPoint, constants },
    });
    const [pipeline] = await Promise.allSettled([created, this.#device.popErrorScope()]);
    if (pipeline.status === 'fulfilled') return pipeline.value;
    const error: unknown = pipeline.reason;
    const { messages } = await module.getCompilationInfo();
    const details = describeMessages(messages, code);
    throw new SwinFaceError('INTERNAL', `The pipeline of ${label} could not be created: ${String(error)}${details}`, {
      cause: error,
    });
  }
}

const caches = new WeakMap<GPUDevice, PipelineCache>();

/** The pipelines of a device; they live as long as it does. */
export function pipelineCache(device: GPUDevice): PipelineCache {
  const cache = caches.get(device) ?? new PipelineCache(device);
  caches.set(device, cache);
  return cache;
}

/** Compiler messages with their line, column and source line. */
function describeMessages(messages: readonly GPUCompilationMessage[], code: string): string {
  const lines = code.split('\n');
  return messages
    .map(({ type, lineNum, linePos, message }) => {
      const source = lines[lineNum - 1] ?? '';
      return `\n${type} at ${lineNum}:${linePos}: ${message}\n  ${source}`;
    })
    .join('');
}
